//! What a row says of its checkpoint beside values: versions, what nodes have seen, and where values stand.

use std::collections::BTreeMap;

use eddyline_engine::Key;
use eddyline_engine::checkpoint::{Parents, Source, Version};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::error::{Result, corrupt};
use super::names::Names;

/// Versions by the number of a channel's name.
type Versions = Vec<(i64, Version)>;

/// The column `state`. Names stand as numbers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The newest version of all. Versions grow with every step, and lie close together: so they are stored as how
    /// far they lie behind it.
    #[serde(rename = "m", default, skip_serializing_if = "is_none")]
    pub(super) newest: Version,
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) versions: Versions,
    /// The values that the row itself adds.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) added: Vec<i64>,
    /// The values that earlier rows added: channel and row.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<(i64, i64)>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) seen: Vec<(i64, Versions)>,
    /// The channels that changed, where they are not just those that have a value here.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) updated: Option<Vec<i64>>,
    /// True when it is not known which changed.
    #[serde(rename = "k", default, skip_serializing_if = "is_false")]
    pub(super) unknown: bool,
    #[serde(rename = "p", default, skip_serializing_if = "no_parents")]
    pub(super) parents: Parents,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(version: &Version) -> bool {
    *version == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
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

fn no_parents(parents: &Parents) -> bool {
    parents.is_empty()
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
