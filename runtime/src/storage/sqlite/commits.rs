//! Commits: one row for each. How checkpoints are read back stands in `load`.

use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::checkpoint::{Commit, NewCheckpoint, PendingWrite};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use uuid::Uuid;

use super::error::{Result, corrupt};
use super::heads::{Head, Slot, Told};
use super::json;
use super::memory::Memory;
use super::shared::{self, Own};
use super::short;
use super::state::{Dictionary, State, source_number};
use super::values::{Added, Version, version};
use super::writes;

/// The commits of one thread.
pub(super) struct Commits<'a> {
    pub(super) db: &'a Connection,
    pub(super) memory: &'a mut Memory,
    pub(super) thread: i64,
}

/// What a new row says of its checkpoint.
struct NewRow {
    state: State,
    added: Vec<Added>,
    slots: BTreeMap<Key, Slot>,
}

/// Where writes hang.
#[derive(Clone, Copy, PartialEq)]
enum Hung {
    /// On the checkpoint of the row itself.
    Here,
    /// On that of another row.
    On(i64),
}

impl Commits<'_> {
    /// Stores a commit as one row. The same again changes nothing that anybody could see.
    pub(super) fn store(&mut self, commit: &Commit) -> Result<()> {
        let ns = &commit.ns;
        let Some(new) = &commit.checkpoint else {
            let Some((base, rows)) = &commit.writes else { return Ok(()) };
            let hung = self.row_or_placeholder(ns, *base)?;
            return self.hang(commit, hung, rows);
        };
        let parent = new.parent.map(|parent| self.head(ns, parent)).transpose()?.flatten();
        let hung = match &commit.writes {
            None => None,
            Some((base, _)) if *base == new.checkpoint.id => Some(Hung::Here),
            Some((base, _)) => match &parent {
                Some(parent) if parent.checkpoint.id == *base => Some(Hung::On(parent.row)),
                _ => Some(Hung::On(self.row_or_placeholder(ns, *base)?)),
            },
        };
        let rows = commit.writes.as_ref().map_or(&[][..], |(_, rows)| rows);
        let encoded = hung.map(|_| writes::encode(self.db, &mut self.memory.names, rows)).transpose()?;
        if self.insert(ns, new, parent.as_deref(), hung, encoded.as_deref())? {
            return Ok(());
        }
        let found = self.find(ns, new.checkpoint.id)?;
        let (row, made) = found.ok_or_else(|| corrupt("a row is there and is not found"))?;
        if !made {
            self.fill(ns, row, new, parent.as_deref())?;
        }
        match hung {
            None => Ok(()),
            Some(Hung::Here) => self.hang(commit, row, rows),
            Some(Hung::On(base)) => self.hang(commit, base, rows),
        }
    }

    /// Stores a commit as a row of its own; `false` when there is one of its checkpoint.
    fn insert(
        &mut self,
        ns: &Key,
        new: &NewCheckpoint,
        parent: Option<&Head>,
        hung: Option<Hung>,
        writes: Option<&str>,
    ) -> Result<bool> {
        let row = self.compare(new, parent)?;
        let told = self.told(new, parent)?;
        let hung = hung.map(|hung| if let Hung::On(row) = hung { row } else { 0 });
        let mut insert = self.db.prepare_cached(
            "INSERT INTO commits (thread, ns, id, parent, made, source, step, state, added, run, shared,
                hung, writes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (thread, ns, id) DO NOTHING",
        )?;
        let inserted = insert.execute(params![
            self.thread,
            &**ns,
            new.checkpoint.id.as_bytes(),
            short::parent(new.parent, parent.map(|parent| parent.row)),
            short::made(new.checkpoint.id, new.checkpoint.created_at.0),
            source_number(new.metadata.source),
            new.metadata.step,
            row.state,
            row.text()?,
            told.run.as_ref().map(Uuid::as_bytes),
            told.shared,
            hung,
            writes,
        ])?;
        if inserted > 0 {
            self.remember(ns, self.db.last_insert_rowid(), new, row.slots, told);
        }
        Ok(inserted > 0)
    }

    /// Turns a row that only writes knew into that of the checkpoint.
    fn fill(&mut self, ns: &Key, number: i64, new: &NewCheckpoint, parent: Option<&Head>) -> Result<()> {
        // Rows point backward only, and this one is older than what it would point at.
        let parent = parent.filter(|parent| parent.row < number);
        let row = self.compare(new, parent)?;
        let told = self.told(new, parent)?;
        let mut update = self.db.prepare_cached(
            "UPDATE commits SET parent = ?2, made = ?3, source = ?4, step = ?5, state = ?6, added = ?7,
                run = ?8, shared = ?9
             WHERE row = ?1",
        )?;
        update.execute(params![
            number,
            short::parent(new.parent, parent.map(|parent| parent.row)),
            short::made(new.checkpoint.id, new.checkpoint.created_at.0),
            source_number(new.metadata.source),
            new.metadata.step,
            row.state,
            row.text()?,
            told.run.as_ref().map(Uuid::as_bytes),
            told.shared,
        ])?;
        self.remember(ns, number, new, row.slots, told);
        Ok(())
    }

    /// Tells the checkpoint as what it adds to the one that it follows.
    fn compare(&mut self, new: &NewCheckpoint, parent: Option<&Head>) -> Result<NewRow> {
        let checkpoint = &*new.checkpoint;
        let mut names = Dictionary { db: self.db, names: &mut self.memory.names };
        let mut state = State {
            versions: names.numbered(&checkpoint.versions)?,
            parents: Arc::clone(&new.metadata.parents),
            ..State::default()
        };
        for (node, versions) in &checkpoint.seen {
            state.seen.push((names.number(node)?, names.numbered(versions)?));
        }
        state.close_up();
        let (mut added, mut slots) = (Vec::new(), BTreeMap::new());
        for (name, value) in &checkpoint.values {
            let channel = names.number(name)?;
            let before = parent
                .and_then(|parent| Some((parent.checkpoint.values.get(name)?, *parent.slots.get(name)?)));
            let unchanged = parent.is_some_and(|parent| {
                let version = parent.checkpoint.versions.get(name);
                version.is_some() && version == checkpoint.versions.get(name)
            });
            let stored = match before {
                Some((_, slot)) if unchanged => Version::Same(slot),
                _ => version(channel, before, value)?,
            };
            slots.insert(
                name.clone(),
                match stored {
                    Version::Same(slot) => {
                        state.earlier.push((channel, slot.row));
                        slot
                    }
                    Version::New(new, slot) => {
                        state.added.push(channel);
                        added.push(new.on(before.map_or(0, |(_, slot)| slot.row)));
                        slot
                    }
                },
            );
        }
        let updated = checkpoint.updated.as_ref();
        let updated = updated.map(|list| list.iter().map(|name| names.number(name)).collect::<Result<_>>());
        state.set_updated(updated.transpose()?);
        Ok(NewRow { state, added, slots })
    }

    /// The metadata, but for what differs from checkpoint to checkpoint.
    fn told(&mut self, new: &NewCheckpoint, parent: Option<&Head>) -> Result<Told> {
        let extra = &new.metadata.extra;
        let same =
            |parent: &&Head| Arc::ptr_eq(&parent.metadata.extra, extra) || parent.metadata.extra == *extra;
        if let Some(parent) = parent.filter(same) {
            return Ok(parent.told);
        }
        let text = extra.get("run_id").and_then(Value::as_str);
        let run = text.and_then(|text| Uuid::try_parse(text).ok().filter(|run| run.to_string() == text));
        let (rows, own) = (&mut self.memory.rows, Own::run(run));
        let shared = shared::key(self.db, rows, self.thread, &json::text(extra)?, &own)?;
        Ok(Told { run, shared })
    }

    fn remember(
        &mut self,
        ns: &Key,
        row: i64,
        new: &NewCheckpoint,
        mut slots: BTreeMap<Key, Slot>,
        told: Told,
    ) {
        for slot in slots.values_mut().filter(|slot| slot.row == 0) {
            slot.row = row;
        }
        let head = Head {
            row,
            checkpoint: Arc::clone(&new.checkpoint),
            metadata: new.metadata.clone(),
            parent: new.parent,
            told,
            slots,
        };
        self.memory.heads.put(self.thread, ns.clone(), Arc::new(head));
    }

    /// Stores writes as a row of their own.
    fn hang(&mut self, commit: &Commit, hung: i64, rows: &[PendingWrite]) -> Result<()> {
        let encoded = writes::encode(self.db, &mut self.memory.names, rows)?;
        let sql = "INSERT INTO commits (thread, ns, hung, writes, run) VALUES (?1, ?2, ?3, ?4, ?5)";
        let run = commit.run.as_ref().map(Uuid::as_bytes);
        self.db.prepare_cached(sql)?.insert(params![self.thread, &*commit.ns, hung, encoded, run])?;
        Ok(())
    }

    /// The row of a checkpoint, and whether there is more of it than its writes.
    pub(super) fn find(&self, ns: &Key, id: Uuid) -> Result<Option<(i64, bool)>> {
        let sql = "SELECT row, made IS NOT NULL FROM commits WHERE thread = ?1 AND ns = ?2 AND id = ?3";
        let mut find = self.db.prepare_cached(sql)?;
        let found =
            find.query_row(params![self.thread, &**ns, id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(found.optional()?)
    }

    fn row_or_placeholder(&mut self, ns: &Key, id: Uuid) -> Result<i64> {
        let known = self.memory.heads.get(self.thread, ns).filter(|head| head.checkpoint.id == id);
        if let Some(head) = known {
            return Ok(head.row);
        }
        if let Some((row, _)) = self.find(ns, id)? {
            return Ok(row);
        }
        let sql = "INSERT INTO commits (thread, ns, id) VALUES (?1, ?2, ?3)";
        Ok(self.db.prepare_cached(sql)?.insert(params![self.thread, &**ns, id.as_bytes()])?)
    }
}

impl NewRow {
    /// The column `added`.
    fn text(&self) -> Result<Option<String>> {
        Ok(if self.added.is_empty() { None } else { Some(json::text(&self.added)?) })
    }
}
