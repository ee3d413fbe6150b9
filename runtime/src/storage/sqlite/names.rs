//! Names of channels and nodes, which rows call by number: a graph has a few, and its rows say them often.

use std::collections::HashMap;

use eddyline_engine::Key;
use rusqlite::{Connection, OptionalExtension};

use super::error::{Result, corrupt};

/// How many names are remembered; a program has fewer, and one that has more reads them again.
const REMEMBERED: usize = 16_384;

/// The names that were met.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Key, i64>,
    names: HashMap<i64, Key>,
}

impl Names {
    /// The number of a name, which gets one if it has none.
    pub(super) fn number(&mut self, db: &Connection, name: &Key) -> Result<i64> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let mut find = db.prepare_cached("SELECT id FROM names WHERE name = ?1")?;
        let number = match find.query_row([&**name], |row| row.get(0)).optional()? {
            Some(number) => number,
            None => db.prepare_cached("INSERT INTO names (name) VALUES (?1)")?.insert([&**name])?,
        };
        self.remember(number, name.clone());
        Ok(number)
    }

    /// The name of a number.
    pub(super) fn name(&mut self, db: &Connection, number: i64) -> Result<Key> {
        if let Some(name) = self.names.get(&number) {
            return Ok(name.clone());
        }
        let mut find = db.prepare_cached("SELECT name FROM names WHERE id = ?1")?;
        let name: Option<String> = find.query_row([number], |row| row.get(0)).optional()?;
        let name = Key::from(name.ok_or_else(|| corrupt("a name is missing"))?);
        self.remember(number, name.clone());
        Ok(name)
    }

    fn remember(&mut self, number: i64, name: Key) {
        if self.names.len() >= REMEMBERED {
            *self = Self::default();
        }
        self.numbers.insert(name.clone(), number);
        self.names.insert(number, name);
    }
}
