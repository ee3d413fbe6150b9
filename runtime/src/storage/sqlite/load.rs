//! Checkpoints, read back from the rows that [`Commits`] stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::checkpoint::{Checkpoint, Metadata, Saved};
use eddyline_engine::ids::Timestamp;
use rusqlite::params;
use uuid::Uuid;

use super::commits::Commits;
use super::error::{Result, corrupt};
use super::heads::{Head, Told};
use super::json;
use super::shared::{self, Own};
use super::short;
use super::state::{Dictionary, State, source_of};
use super::values::Reader;
use super::writes;

impl Commits<'_> {
    /// The checkpoint of this id, remembered or read.
    pub(super) fn head(&mut self, ns: &Key, id: Uuid) -> Result<Option<Arc<Head>>> {
        if let Some(head) = self.memory.heads.get(self.thread, ns)
            && head.checkpoint.id == id
        {
            return Ok(Some(head));
        }
        match self.find(ns, id)? {
            Some((row, true)) => Ok(Some(Arc::new(self.load(row, &mut Reader::new(self.db))?))),
            _ => Ok(None),
        }
    }

    /// The newest checkpoint of a level.
    pub(super) fn newest(&mut self, ns: &Key) -> Result<Option<Arc<Head>>> {
        let Some(row) = self.rows_before(ns, None, 1)?.pop() else { return Ok(None) };
        if let Some(head) = self.memory.heads.get(self.thread, ns).filter(|head| head.row == row) {
            return Ok(Some(head));
        }
        let head = Arc::new(self.load(row, &mut Reader::new(self.db))?);
        self.memory.heads.put(self.thread, ns.clone(), Arc::clone(&head));
        Ok(Some(head))
    }

    /// The checkpoint of this id, with its writes.
    pub(super) fn saved(&mut self, ns: &Key, id: Uuid) -> Result<Option<Saved>> {
        let Some(head) = self.head(ns, id)? else { return Ok(None) };
        self.with_writes(&head).map(Some)
    }

    /// The checkpoint with its writes.
    pub(super) fn with_writes(&mut self, head: &Head) -> Result<Saved> {
        let writes = writes::hanging(self.db, &mut self.memory.names, head.row)?;
        Ok(Saved { writes, ..head.saved() })
    }

    /// Checkpoints that are older than `before`, newest first.
    pub(super) fn history(&mut self, ns: &Key, before: Option<Uuid>, limit: usize) -> Result<Vec<Saved>> {
        let rows = self.rows_before(ns, before, limit)?;
        let mut reader = Reader::new(self.db);
        let mut found = Vec::with_capacity(rows.len());
        // Oldest first: each finds the versions before its own already put together.
        for row in rows.into_iter().rev() {
            let head = self.load(row, &mut reader)?;
            found.push(self.with_writes(&head)?);
        }
        found.reverse();
        Ok(found)
    }

    fn rows_before(&self, ns: &Key, before: Option<Uuid>, limit: usize) -> Result<Vec<i64>> {
        // Longer than any id, and so greater than the greatest.
        let end = before.map_or([0xff; 17].to_vec(), |id| id.as_bytes().to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut find = self.db.prepare_cached(
            "SELECT row FROM commits WHERE thread = ?1 AND ns = ?2 AND id < ?3 AND made IS NOT NULL
             ORDER BY id DESC LIMIT ?4",
        )?;
        let rows = find.query_map(params![self.thread, &**ns, end, limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn load(&mut self, number: i64, reader: &mut Reader<'_>) -> Result<Head> {
        let mut find = self.db.prepare_cached(
            "SELECT id, parent, made, source, step, state, run, shared FROM commits WHERE row = ?1",
        )?;
        let mut rows = find.query([number])?;
        let row = rows.next()?.ok_or_else(|| corrupt("a checkpoint is missing"))?;
        let mut state: State = row.get(5)?;
        state.spread()?;
        let run = row.get::<_, Option<[u8; 16]>>(6)?.map(Uuid::from_bytes);
        let told = Told { run, shared: row.get(7)? };
        let extra = shared::text(self.db, told.shared, &Own::run(told.run))?;
        let mut names = Dictionary { db: self.db, names: &mut self.memory.names };
        let (mut values, mut slots) = (BTreeMap::new(), BTreeMap::new());
        let here = state.added.iter().map(|channel| (*channel, number));
        for (channel, at) in here.chain(state.earlier.iter().copied()) {
            let (value, slot) = reader.value(at, channel)?;
            let name = names.name(channel)?;
            values.insert(name.clone(), value);
            slots.insert(name, slot);
        }
        let mut seen = BTreeMap::new();
        for (node, versions) in &state.seen {
            seen.insert(names.name(*node)?, names.named(versions)?);
        }
        let updated = state.updated();
        let updated = updated.map(|list| list.iter().map(|name| names.name(*name)).collect::<Result<_>>());
        let id = Uuid::from_bytes(row.get(0)?);
        let checkpoint = Checkpoint {
            id,
            created_at: Timestamp(short::made_at(id, row.get(2)?)),
            values,
            versions: names.named(&state.versions)?,
            seen,
            updated: updated.transpose()?,
        };
        let metadata = Metadata {
            extra: Arc::new(json::read(&extra)?),
            source: source_of(row.get(3)?)?,
            step: row.get(4)?,
            parents: state.parents,
        };
        let parent = short::parent_id(self.db, row.get_ref(1)?)?;
        Ok(Head { row: number, checkpoint: Arc::new(checkpoint), metadata, parent, told, slots })
    }
}
