//! The newest checkpoint of a thread's root: the next run begins with it, and needs not ask storage.

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context, Handler};
use eddyline_engine::Which;
use eddyline_engine::checkpoint::{Commit, Saved};

use super::ThreadActor;
use crate::messages::{After, Look, ReadNewest};
use crate::storage::Change;

/// What is known of the newest checkpoint, as it will be once all writes are stored.
#[derive(Debug, Default)]
pub(super) struct Newest {
    known: Known,
    /// How often something happened after which it had to be read.
    forgotten: u64,
}

#[derive(Debug, Default)]
enum Known {
    /// It has to be read.
    #[default]
    Nothing,
    /// There is no checkpoint.
    None,
    Checkpoint(Saved),
}

impl From<Option<Saved>> for Known {
    fn from(newest: Option<Saved>) -> Self {
        newest.map_or(Self::None, Self::Checkpoint)
    }
}

impl Newest {
    /// Takes in what is about to be stored.
    pub(super) fn see(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Commit(commit) => self.commit(commit),
                Change::PutThread(_)
                | Change::PutRun(_)
                | Change::MarkRun(_)
                | Change::Facts { .. }
                | Change::Owe(_) => {}
                Change::DeleteRun(_)
                | Change::CopyThread { .. }
                | Change::KeepLatest
                | Change::DeleteThread => self.forget(),
            }
        }
    }

    /// What was to be stored may not be, or something else is.
    pub(super) fn forget(&mut self) {
        self.known = Known::Nothing;
        self.forgotten += 1;
    }

    fn commit(&mut self, commit: &Commit) {
        let newest = match &self.known {
            Known::Nothing => return,
            Known::None => None,
            Known::Checkpoint(saved) => Some(saved.checkpoint.id),
        };
        if !commit.ns.is_empty() {
            return;
        }
        let hangs_on = commit.writes.as_ref().map(|(base, _)| *base);
        match &commit.checkpoint {
            Some(new) if newest.is_none_or(|newest| newest < new.checkpoint.id) => {
                let writes = commit.writes.iter().filter(|(base, _)| *base == new.checkpoint.id);
                self.known = Known::Checkpoint(Saved {
                    checkpoint: new.checkpoint.clone(),
                    metadata: new.metadata.clone(),
                    parent: new.parent,
                    writes: writes.flat_map(|(_, writes)| writes.clone()).collect(),
                });
            }
            // Writes meet those that there are by rules that storage knows.
            _ if hangs_on.is_some_and(|base| Some(base) == newest) => self.forget(),
            Some(_) => self.forget(),
            None => {}
        }
    }

    fn learn(&mut self, newest: Option<Saved>, forgotten: u64) {
        if self.forgotten == forgotten {
            self.known = newest.into();
        }
    }
}

impl Handler<ReadNewest> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ReadNewest { reply }: ReadNewest, ctx: &mut Self::Context) {
        // A run that does not wait any more needs no answer.
        let known = match &self.newest.known {
            Known::Nothing => None,
            Known::None => Some(None),
            Known::Checkpoint(saved) => Some(Some(saved.clone())),
        };
        if let Some(newest) = known {
            let _ = reply.send(Ok(newest));
            return;
        }
        let (thread_id, forgotten) = (self.thread_id, self.newest.forgotten);
        let (look, read) = Look::new(move |storage| storage.checkpoint(thread_id, &"".into(), Which::Newest));
        self.storage.do_send(look.after(After::Checkpoints(thread_id)));
        let answered = wrap_future::<_, Self>(read);
        ctx.spawn(answered.map(move |read, thread, _: &mut Context<Self>| {
            if let Ok(newest) = &read {
                thread.newest.learn(newest.clone(), forgotten);
            }
            let _ = reply.send(read);
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use eddyline_engine::checkpoint::{Checkpoint, Metadata, NewCheckpoint, Outcome, PendingWrite, Source};
    use eddyline_engine::ids::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn commit(ns: &str, id: Option<u128>, hangs_on: Option<u128>) -> Change {
        let checkpoint = id.map(|id| NewCheckpoint {
            checkpoint: Arc::new(Checkpoint {
                id: Uuid::from_u128(id),
                created_at: Timestamp(0),
                values: BTreeMap::new(),
                versions: BTreeMap::new(),
                seen: BTreeMap::new(),
                updated: None,
            }),
            metadata: Metadata {
                extra: Arc::default(),
                source: Source::Loop,
                step: 0,
                parents: Arc::default(),
            },
            parent: None,
            shown: None,
        });
        let write = || PendingWrite {
            task: Uuid::nil(),
            index: 0,
            channel: "a".into(),
            value: 1.into(),
            path: "".into(),
        };
        let writes = hangs_on.map(|base| (Uuid::from_u128(base), vec![write()]));
        Change::Commit(Commit { run: None, ns: ns.into(), writes, checkpoint, outcome: Outcome::Continue })
    }

    /// What is known: `?` nothing, `-` that there is none, or the newest checkpoint and how many writes hang on it.
    fn told(known: &Known) -> String {
        match known {
            Known::Nothing => "?".to_owned(),
            Known::None => "-".to_owned(),
            Known::Checkpoint(saved) => format!("{}+{}", saved.checkpoint.id.as_u128(), saved.writes.len()),
        }
    }

    /// `begin` is nothing, that there is none, or the number of a checkpoint without writes.
    fn check(begin: &str, change: Change, expected: &str) {
        let mut newest = Newest::default();
        if begin != "?" {
            newest.learn(None, 0);
        }
        if let Ok(id) = begin.parse() {
            newest.see(&[commit("", Some(id), None)]);
        }
        newest.see(&[change]);
        assert_eq!(told(&newest.known), expected);
    }

    #[test]
    fn it_follows_what_is_stored_and_gives_up_where_storage_decides() {
        check("-", commit("", Some(2), None), "2+0");
        check("1", commit("", Some(2), Some(1)), "2+0");
        check("1", commit("", Some(2), Some(2)), "2+1");
        check("1", commit("a:1", Some(2), Some(2)), "1+0");
        check("1", commit("", None, Some(1)), "?");
        // The clock went back, or a checkpoint is stored again.
        check("3", commit("", Some(2), None), "?");
        check("2", commit("", Some(2), None), "?");
        check("2", commit("", None, Some(1)), "2+0");
        check("?", commit("", Some(2), None), "?");
        check("2", Change::DeleteRun(Uuid::nil()), "?");
        check("2", Change::KeepLatest, "?");
    }

    #[test]
    fn what_was_read_before_it_was_forgotten_says_nothing() {
        let mut newest = Newest::default();
        newest.forget();
        newest.learn(None, 0);
        assert!(matches!(newest.known, Known::Nothing));
    }
}
