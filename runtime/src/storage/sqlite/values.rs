//! Values of channels, by version: what a version adds to the one before, and how versions are put together
//! again.
//!
//! A list that begins as its previous version did is stored as (that version, how many elements are kept, the
//! rest); anything else as a full copy, and a list too once the tails since the last full copy outgrow that
//! copy. So a list of n bytes costs 2n for its copies, whatever its number of versions, and reading it reads
//! twice its size at most.

use std::collections::HashMap;

use eddyline_engine::Shared;
use eddyline_engine::message::Message;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{Fault, Result, corrupt};
use super::heads::Slot;
use super::json::{self, raw};

/// A value that a row adds.
#[derive(Debug, Serialize)]
pub(super) struct Added {
    /// The number of the channel's name.
    #[serde(rename = "c")]
    pub(super) channel: i64,
    /// The row with the version of which the first elements are kept.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<i64>,
    /// How many are kept.
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    /// The value, or the elements that follow.
    #[serde(rename = "v")]
    value: Box<RawValue>,
}

/// The same, as it is read.
#[derive(Deserialize)]
struct AddedText<'a> {
    #[serde(rename = "c")]
    channel: i64,
    #[serde(rename = "b")]
    base: Option<i64>,
    #[serde(rename = "k", default)]
    kept: usize,
    #[serde(rename = "v", borrow)]
    value: &'a RawValue,
}

/// How a new version of a value is stored.
#[derive(Debug)]
pub(super) enum Version {
    /// It is the version before.
    Same(Slot),
    /// It is added; the row of the slot is that of the new row, which is not known yet.
    New(Added, Slot),
}

/// Tells a value as what it adds to the version before.
pub(super) fn version(channel: i64, before: Option<(&Shared, Slot)>, value: &Shared) -> Result<Version> {
    if let Some((before, slot)) = before
        && let Some((kept, of)) = common(before, value)
    {
        let len = length(value);
        if kept == of && kept == len {
            return Ok(Version::Same(slot));
        }
        // Keeping little of a long list would read all of it for that little.
        if kept > 0 && kept * 2 >= of {
            let rest = tail(value, kept)?;
            let tails = slot.tails + rest.get().len();
            if tails <= slot.full {
                let slot = Slot { row: 0, full: slot.full, tails };
                let added = Added { channel, base: None, kept: Some(kept), value: rest };
                return Ok(Version::New(added, slot));
            }
        }
    } else if let Some((before, slot)) = before
        && before == value
    {
        return Ok(Version::Same(slot));
    }
    let whole = raw(value)?;
    let slot = Slot { row: 0, full: whole.get().len(), tails: 0 };
    Ok(Version::New(Added { channel, base: None, kept: None, value: whole }, slot))
}

impl Added {
    /// Points a tail at the row of the version before.
    pub(super) fn on(mut self, row: i64) -> Self {
        self.base = self.kept.map(|_| row);
        self
    }
}

/// How many elements two lists begin with in common, and how many the first has; `None` unless both are lists.
fn common(before: &Shared, value: &Shared) -> Option<(usize, usize)> {
    // What was loaded is plain JSON, what the engine makes of it is messages: they meet once.
    match (before.messages(), value.messages()) {
        (Some(one), Some(other)) => {
            Some((one.iter().zip(&**other).take_while(|(a, b)| a == b).count(), one.len()))
        }
        (None, Some(other)) => {
            let one = before.json().as_array()?;
            let same = |a: &Value, b: &Message| serde_json::to_value(b).is_ok_and(|b| *a == b);
            Some((one.iter().zip(&**other).take_while(|(a, b)| same(a, b)).count(), one.len()))
        }
        _ => {
            let (one, other) = (before.json().as_array()?, value.json().as_array()?);
            Some((one.iter().zip(other).take_while(|(a, b)| a == b).count(), one.len()))
        }
    }
}

fn length(value: &Shared) -> usize {
    match value.messages() {
        Some(messages) => messages.len(),
        None => value.json().as_array().map_or(0, Vec::len),
    }
}

fn tail(value: &Shared, kept: usize) -> Result<Box<RawValue>> {
    Ok(match value.messages() {
        Some(messages) => raw(&messages[kept..])?,
        None => raw(value.json().as_array().and_then(|list| list.get(kept..)).unwrap_or_default())?,
    })
}

/// Puts values together, and remembers them: the versions of a history share most of what they read.
pub(super) struct Reader<'a> {
    db: &'a Connection,
    read: HashMap<(i64, i64), (Shared, Slot)>,
}

/// One version as its row has it.
struct Piece {
    base: Option<i64>,
    kept: usize,
    bytes: usize,
    value: Value,
}

impl<'a> Reader<'a> {
    pub(super) fn new(db: &'a Connection) -> Self {
        Self { db, read: HashMap::new() }
    }

    /// The value of a channel that `row` added.
    pub(super) fn value(&mut self, row: i64, channel: i64) -> Result<(Shared, Slot)> {
        if let Some(found) = self.read.get(&(row, channel)) {
            return Ok(found.clone());
        }
        let found = self.assemble(row, channel)?;
        self.read.insert((row, channel), found.clone());
        Ok(found)
    }

    /// From the newest tail down to a full copy, or to a version that is known.
    fn assemble(&self, row: i64, channel: i64) -> Result<(Shared, Slot)> {
        let mut piece = self.piece(row, channel)?;
        let mut slot = Slot { row, full: piece.bytes, tails: 0 };
        let Some(mut base) = piece.base else { return Ok((piece.value.into(), slot)) };
        let mut above = row;
        let mut wanted = usize::MAX;
        let mut tails = Vec::new();
        let mut list = loop {
            // The newest rest is whole; of older ones only what the newer ones kept of them.
            slot.tails += piece.bytes;
            if piece.kept < wanted {
                let mut rest = elements(piece.value)?;
                rest.truncate(wanted - piece.kept);
                tails.push(rest);
                wanted = piece.kept;
            }
            if base >= above {
                return Err(corrupt("a version points forward"));
            }
            above = base;
            if let Some((known, at)) = self.read.get(&(base, channel)) {
                slot.full = at.full;
                slot.tails += at.tails;
                let known = known.json().as_array().ok_or_else(|| corrupt("a version is no list"))?;
                break known.iter().take(wanted).cloned().collect();
            }
            piece = self.piece(base, channel)?;
            let Some(next) = piece.base else {
                slot.full = piece.bytes;
                let mut whole = elements(piece.value)?;
                whole.truncate(wanted);
                break whole;
            };
            base = next;
        };
        list.extend(tails.into_iter().rev().flatten());
        Ok((Value::Array(list).into(), slot))
    }

    fn piece(&self, row: i64, channel: i64) -> Result<Piece> {
        let mut find = self.db.prepare_cached("SELECT added FROM commits WHERE row = ?1")?;
        let mut rows = find.query([row])?;
        let found = rows.next()?.ok_or_else(|| corrupt("a version is missing"))?;
        let text = found.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let added: Vec<AddedText<'_>> = json::read(text)?;
        let mine = added.into_iter().find(|added| added.channel == channel);
        let mine = mine.ok_or_else(|| corrupt("a version is missing"))?;
        let value = json::read(mine.value.get())?;
        Ok(Piece { base: mine.base, kept: mine.kept, bytes: mine.value.get().len(), value })
    }
}

fn elements(value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(list) => Ok(list),
        _ => Err(corrupt("a version is no list")),
    }
}

/// The column `added` of a copy; `copy_of` says where the copies of rows are.
pub(super) fn moved(added: &str, copy_of: impl Fn(i64) -> Result<i64>) -> Result<String> {
    let added: Vec<AddedText<'_>> = json::read(added)?;
    let moved = added.into_iter().map(|AddedText { channel, base, kept, value }| {
        let kept = base.map(|_| kept);
        Ok(Added { channel, base: base.map(&copy_of).transpose()?, kept, value: value.to_owned() })
    });
    json::text(&moved.collect::<Result<Vec<_>>>()?)
}

/// The values of a row by channel: of those that are tails, the tails.
#[cfg(any(test, feature = "fuzz"))]
pub(super) fn contents(added: &str) -> Result<Vec<(i64, Value)>> {
    let added: Vec<AddedText<'_>> = json::read(added)?;
    added.into_iter().map(|added| Ok((added.channel, json::read(added.value.get())?))).collect()
}

/// The channels that a row adds values of, and how long these are.
pub(super) fn sizes(added: &str) -> Result<Vec<(i64, usize)>> {
    let added: Vec<AddedText<'_>> = json::read(added)?;
    Ok(added.into_iter().map(|added| (added.channel, added.value.get().len())).collect())
}

/// The channels and rows on which the values of a row are based.
pub(super) fn bases(added: &str) -> std::result::Result<Vec<(i64, i64)>, Fault> {
    let added: Vec<AddedText<'_>> = json::read(added)?;
    Ok(added.into_iter().filter_map(|added| Some((added.channel, added.base?))).collect())
}
