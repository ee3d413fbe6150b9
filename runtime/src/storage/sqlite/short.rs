//! Short forms of what every turn of a thread stores: ids in text, and what follows from what stands beside it.
//!
//! Versions before this one wrote the long forms, which are still read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::error::{Result, corrupt};

/// An id in JSON: 22 characters instead of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortId(pub(super) Uuid);

impl Serialize for ShortId {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl<'de> Deserialize<'de> for ShortId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = match text.len() {
            22 => URL_SAFE_NO_PAD.decode(&text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok()),
            _ => Uuid::try_parse(&text).ok(),
        };
        id.map(Self).ok_or_else(|| de::Error::custom("no id"))
    }
}

/// What clients call a request: an id if it looks like one of ours, and else any text.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum RequestId {
    Id([ShortId; 1]),
    Text(String),
}

impl RequestId {
    pub(super) fn of(text: &str) -> Self {
        match Uuid::try_parse(text) {
            Ok(id) if id.to_string() == text => Self::Id([ShortId(id)]),
            _ => Self::Text(text.to_owned()),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Id([ShortId(id)]) => id.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Times beyond this are microseconds since 1970, and those below count from when the id beside them was made.
const LONG: i64 = 1 << 40;

/// When a checkpoint was made, as its row says it: its id knows nearly the same.
pub(super) fn made(id: Uuid, at: i64) -> i64 {
    let since = id_time(id).and_then(|of_id| at.checked_sub(of_id));
    since.filter(|since| *since < LONG).unwrap_or(at)
}

/// The same, read.
pub(super) fn made_at(id: Uuid, stored: i64) -> i64 {
    if stored >= LONG { stored } else { id_time(id).map_or(stored, |of_id| of_id.saturating_add(stored)) }
}

/// The microseconds from 1970 on that an id tells which sorts by time.
fn id_time(id: Uuid) -> Option<i64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    micros.checked_add(i64::from(nanos / 1000))
}

/// The checkpoint that another follows, as its row says it: the number of the row, if there is one before it.
pub(super) fn parent(id: Option<Uuid>, row: Option<i64>) -> Value {
    match (id, row) {
        (Some(_), Some(row)) => Value::Integer(row),
        (Some(id), None) => Value::Blob(id.as_bytes().to_vec()),
        (None, _) => Value::Null,
    }
}

/// The same, read.
pub(super) fn parent_id(db: &Connection, stored: ValueRef<'_>) -> Result<Option<Uuid>> {
    let bytes = match stored {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(row) => {
            let mut find = db.prepare_cached("SELECT id FROM commits WHERE row = ?1")?;
            find.query_row([row], |row| row.get::<_, Vec<u8>>(0))?
        }
        stored => stored.as_blob().map_err(rusqlite::Error::from)?.to_vec(),
    };
    Uuid::from_slice(&bytes).map(Some).map_err(|_| corrupt("no id of a checkpoint"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_either_form() {
        let id = Uuid::from_u128(0x1ee8_33b0_4b4a_6200_8000_0000_0000_0001);
        let short = serde_json::to_string(&ShortId(id)).unwrap();
        assert_eq!(short.len(), 24);
        for text in [short, format!("\"{}\"", id.simple()), format!("\"{id}\"")] {
            assert_eq!(serde_json::from_str::<ShortId>(&text).unwrap(), ShortId(id));
        }
        assert!(serde_json::from_str::<ShortId>("\"!123456789012345678901\"").is_err());
    }

    #[test]
    fn requests_are_called_what_they_were_called() {
        let id = Uuid::from_u128(7).to_string();
        for text in [id.clone(), id.to_uppercase(), id.replace('-', ""), "AAAAAAAAAAAAAAAAAAAAAA".to_owned()]
        {
            let stored = serde_json::to_string(&RequestId::of(&text)).unwrap();
            assert_eq!(serde_json::from_str::<RequestId>(&stored).unwrap().text(), text, "{stored}");
        }
    }

    #[test]
    fn times_are_what_they_were_whatever_the_id_says() {
        let of_now = Uuid::from_u128(0x1ee8_33b0_4b4a_6200_8000_0000_0000_0001);
        let now = id_time(of_now).unwrap();
        assert!(now > LONG);
        for at in [now, now + 3, now - 3, now + LONG, now - LONG, now + 2 * LONG, 0, 5, -5, i64::MAX] {
            assert_eq!(made_at(of_now, made(of_now, at)), at);
            assert_eq!(made_at(Uuid::from_u128(7), made(Uuid::from_u128(7), at)), at);
        }
        assert_eq!(made(of_now, now + 3), 3);
        assert_eq!(made_at(of_now, now), now, "as earlier versions stored it");
    }
}
