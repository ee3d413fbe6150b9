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
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) updated: Option<Vec<i64>>,
    #[serde(rename = "p", default, skip_serializing_if = "no_parents")]
    pub(super) parents: Parents,
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
