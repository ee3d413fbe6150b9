//! What a row says of its checkpoint beside values: versions, what nodes have seen, and where values stand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::checkpoint::{Parents, Source, Version};
use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use uuid::Uuid;

use super::error::{Result, corrupt};
use super::json;
use super::names::Names;

/// Versions by the number of a channel's name.
type Versions = Vec<(i64, Version)>;

/// The column `state`. Names stand as numbers.
///
/// Packed, as it is most of what a row says that changes little. An earlier program wrote JSON, by these names.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct State {
    /// The newest version of all. Versions grow with every step, and lie close together: so they are stored as how
    /// far they lie behind it.
    #[serde(rename = "m", default)]
    pub(super) newest: Version,
    #[serde(rename = "v", default)]
    pub(super) versions: Versions,
    /// The values that the row itself adds.
    #[serde(rename = "a", default)]
    pub(super) added: Vec<i64>,
    /// The values that earlier rows added: channel and row.
    #[serde(rename = "r", default)]
    pub(super) earlier: Vec<(i64, i64)>,
    #[serde(rename = "s", default)]
    pub(super) seen: Vec<(i64, Versions)>,
    /// The channels that changed, where they are not just those that have a value here.
    #[serde(rename = "u", default)]
    pub(super) updated: Option<Vec<i64>>,
    /// True when it is not known which changed.
    #[serde(rename = "k", default)]
    pub(super) unknown: bool,
    #[serde(rename = "p", default)]
    pub(super) parents: Parents,
}

/// What a state is packed as: its fields, in their order.
#[derive(Serialize, Deserialize)]
struct Packed<'a>(
    Version,
    Cow<'a, [(i64, Version)]>,
    Cow<'a, [i64]>,
    Cow<'a, [(i64, i64)]>,
    Cow<'a, [(i64, Versions)]>,
    Option<Cow<'a, [i64]>>,
    bool,
    Cow<'a, [(Key, Uuid)]>,
);

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let packed = Packed(
            self.newest,
            Cow::Borrowed(&self.versions),
            Cow::Borrowed(&self.added),
            Cow::Borrowed(&self.earlier),
            Cow::Borrowed(&self.seen),
            self.updated.as_deref().map(Cow::Borrowed),
            self.unknown,
            Cow::Borrowed(&self.parents),
        );
        let bytes = postcard::to_stdvec(&packed);
        Ok(bytes.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?.into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let ValueRef::Blob(bytes) = value else {
            return json::read(value.as_str()?).map_err(FromSqlError::other);
        };
        let Packed(newest, versions, added, earlier, seen, updated, unknown, parents) =
            postcard::from_bytes(bytes).map_err(FromSqlError::other)?;
        Ok(Self {
            newest,
            versions: versions.into_owned(),
            added: added.into_owned(),
            earlier: earlier.into_owned(),
            seen: seen.into_owned(),
            updated: updated.map(Cow::into_owned),
            unknown,
            parents: Arc::new(parents.into_owned()),
        })
    }
}

impl State {
    /// Says which channels changed; when it is said which have a value here.
    pub(super) fn set_updated(&mut self, updated: Option<Vec<i64>>) {
        self.unknown = updated.is_none();
        self.updated = updated.filter(|updated| *updated != self.added);
    }

    /// Which channels changed, if that is known.
    pub(super) fn updated(&self) -> Option<&[i64]> {
        // An earlier program said nothing when it did not know.
        let is_early = self.newest == 0;
        let same = || (!self.unknown && !is_early).then_some(&*self.added);
        self.updated.as_deref().or_else(same)
    }

    /// Turns versions into distances, to be stored.
    pub(super) fn close_up(&mut self) {
        let all = self.versions.iter().chain(self.seen.iter().flat_map(|(_, versions)| versions));
        self.newest = all.map(|(_, version)| *version).max().unwrap_or_default();
        self.mirror();
    }

    /// Turns distances into versions, as they are read.
    pub(super) fn spread(&mut self) -> Result<()> {
        let far = |(_, distance): &(i64, Version)| *distance > self.newest;
        let mut all = self.versions.iter().chain(self.seen.iter().flat_map(|(_, versions)| versions));
        if self.newest == 0 {
            // Stored as they are, by an earlier program.
            return Ok(());
        }
        if all.any(far) {
            return Err(corrupt("a version before all versions"));
        }
        self.mirror();
        Ok(())
    }

    fn mirror(&mut self) {
        let newest = self.newest;
        let all = self.versions.iter_mut().chain(self.seen.iter_mut().flat_map(|(_, versions)| versions));
        all.for_each(|(_, version)| *version = newest - *version);
    }
}

/// Turns names into numbers and back.
pub(super) struct Dictionary<'a> {
    pub(super) db: &'a Connection,
    pub(super) names: &'a mut Names,
}

impl Dictionary<'_> {
    pub(super) fn number(&mut self, name: &Key) -> Result<i64> {
        self.names.number(self.db, name)
    }

    pub(super) fn name(&mut self, number: i64) -> Result<Key> {
        self.names.name(self.db, number)
    }

    pub(super) fn numbered(&mut self, versions: &BTreeMap<Key, Version>) -> Result<Versions> {
        versions.iter().map(|(name, version)| Ok((self.number(name)?, *version))).collect()
    }

    pub(super) fn named(&mut self, versions: &Versions) -> Result<BTreeMap<Key, Version>> {
        versions.iter().map(|(number, version)| Ok((self.name(*number)?, *version))).collect()
    }
}

/// The column `source`.
pub(super) fn source_number(source: Source) -> i64 {
    match source {
        Source::Input => 0,
        Source::Loop => 1,
        Source::Update => 2,
        Source::Fork => 3,
    }
}

pub(super) fn source_of(number: i64) -> Result<Source> {
    [Source::Input, Source::Loop, Source::Update, Source::Fork]
        .into_iter()
        .find(|source| source_number(*source) == number)
        .ok_or_else(|| corrupt("a checkpoint of no known source"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let parents = Arc::new(vec![("".into(), Uuid::from_u128(7)), ("outer:1".into(), Uuid::from_u128(8))]);
        State {
            newest: 1198,
            versions: vec![(1, 0), (4, 1), (3, 2)],
            added: vec![1],
            earlier: vec![(3, 1196)],
            seen: vec![(2, Vec::new()), (1, vec![(1, 3)])],
            updated: Some(vec![1, 4]),
            unknown: false,
            parents,
        }
    }

    #[test]
    fn what_is_packed_is_read() {
        let state = state();
        let Ok(ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes))) = state.to_sql() else {
            panic!("it is packed")
        };
        assert_eq!(State::column_result(ValueRef::Blob(&bytes)).unwrap(), state);
        for end in 0..bytes.len() {
            assert!(State::column_result(ValueRef::Blob(&bytes[..end])).is_err(), "{end} bytes");
        }
        assert!(bytes.len() < 75, "{} bytes", bytes.len());
    }

    #[test]
    fn what_an_earlier_program_wrote_is_read() {
        let text = r#"{"m":1198,"v":[[1,0],[4,1],[3,2]],"a":[1],"r":[[3,1196]],"s":[[2,[]],[1,[[1,3]]]],"u":[1,4],
            "p":[["","00000000-0000-0000-0000-000000000007"],["outer:1","00000000-0000-0000-0000-000000000008"]]}"#;
        assert_eq!(State::column_result(ValueRef::Text(text.as_bytes())).unwrap(), state());
        assert_eq!(State::column_result(ValueRef::Text(b"{}")).unwrap(), State::default());
    }
}
