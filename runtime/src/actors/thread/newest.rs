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
    /// `None` when it is not known; within, `None` when there is no checkpoint.
    known: Option<Option<Saved>>,
    /// How often something happened after which it had to be read.
    forgotten: u64,
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
        self.known = None;
        self.forgotten += 1;
    }

    fn commit(&mut self, commit: &Commit) {
        let Some(known) = &mut self.known else { return };
        if !commit.ns.is_empty() {
            return;
        }
        let hangs_on = commit.writes.as_ref().map(|(base, _)| *base);
        let newest = known.as_ref().map(|saved| saved.checkpoint.id);
        match &commit.checkpoint {
            Some(new) if newest.is_none_or(|newest| newest < new.checkpoint.id) => {
                let writes = commit.writes.iter().filter(|(base, _)| *base == new.checkpoint.id);
                *known = Some(Saved {
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
            self.known = Some(newest);
        }
    }
}

impl Handler<ReadNewest> for ThreadActor {
    type Result = ();

    fn handle(&mut self, ReadNewest { reply }: ReadNewest, ctx: &mut Self::Context) {
        // A run that does not wait any more needs no answer.
        if let Some(newest) = &self.newest.known {
            let _ = reply.send(Ok(newest.clone()));
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

    /// The newest checkpoint and how many writes hang on it; `None` when it has to be read.
    fn check(begin: Option<Option<u128>>, change: Change, expected: Option<Option<(u128, usize)>>) {
        let mut newest = Newest::default();
        if let Some(begin) = begin {
            newest.learn(None, 0);
            newest.see(&begin.map(|id| commit("", Some(id), None)).into_iter().collect::<Vec<_>>());
        }
        newest.see(&[change]);
        let of = |saved: &Saved| (saved.checkpoint.id.as_u128(), saved.writes.len());
        assert_eq!(newest.known.as_ref().map(|known| known.as_ref().map(of)), expected);
    }

    #[test]
    fn it_follows_what_is_stored_and_gives_up_where_storage_decides() {
        check(Some(None), commit("", Some(2), None), Some(Some((2, 0))));
        check(Some(Some(1)), commit("", Some(2), Some(1)), Some(Some((2, 0))));
        check(Some(Some(1)), commit("", Some(2), Some(2)), Some(Some((2, 1))));
        check(Some(Some(1)), commit("a:1", Some(2), Some(2)), Some(Some((1, 0))));
        check(Some(Some(1)), commit("", None, Some(1)), None);
        // The clock went back, or a checkpoint is stored again.
        check(Some(Some(3)), commit("", Some(2), None), None);
        check(Some(Some(2)), commit("", Some(2), None), None);
        check(Some(Some(2)), commit("", None, Some(1)), Some(Some((2, 0))));
        check(None, commit("", Some(2), None), None);
        check(Some(Some(2)), Change::DeleteRun(Uuid::nil()), None);
        check(Some(Some(2)), Change::KeepLatest, None);
    }

    #[test]
    fn what_was_read_before_it_was_forgotten_says_nothing() {
        let mut newest = Newest::default();
        newest.forget();
        newest.learn(None, 0);
        assert!(newest.known.is_none());
    }
}
