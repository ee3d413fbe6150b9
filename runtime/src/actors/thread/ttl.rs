//! How a thread gives up what nobody needs of it: when a client says so, or when it was left alone for too long.

use actix::{Context, Handler};
use serde_json::{Map, Value};

use super::ThreadActor;
use super::orders::answered;
use crate::error::Error;
use crate::machine::Event;
use crate::messages::{Expire, KeepLatest, Reply};
use crate::storage::Change;
use crate::threads::{PruneStrategy, Thread, ThreadTtl, Ttl};

impl Handler<KeepLatest> for ThreadActor {
    type Result = ();

    fn handle(&mut self, KeepLatest { reply }: KeepLatest, ctx: &mut Self::Context) {
        self.seen += 1;
        self.keep_latest(reply, ctx);
        self.settle(ctx);
    }
}

impl Handler<Expire> for ThreadActor {
    type Result = ();

    fn handle(&mut self, Expire { reply }: Expire, ctx: &mut Self::Context) {
        self.seen += 1;
        let (thread_id, now) = (self.thread_id, self.environment.now());
        match &self.head {
            None => reply.send(Err(Error::ThreadNotFound { thread_id })),
            // Something happened to it since it was found.
            Some(thread) if self.queue.is_busy() || thread.expires_at().is_none_or(|time| time > now) => {
                reply.send(Err(Error::ThreadBusy { thread_id }));
            }
            Some(Thread {
                ttl: Some(ThreadTtl { ttl: Ttl { strategy: PruneStrategy::KeepLatest, .. }, .. }),
                ..
            }) => {
                self.keep_latest(reply, ctx);
            }
            Some(_) => {
                self.deleting.push(reply);
                let effects = self.on(Event::Clear);
                self.apply(effects, ctx);
            }
        }
        self.settle(ctx);
    }
}

impl ThreadActor {
    /// A record for a thread that is kept as long as threads are when nobody says.
    pub(super) fn new_thread(&self, metadata: Map<String, Value>) -> Thread {
        let now = self.environment.now();
        let ttl = self.environment.options.thread_ttl.map(|ttl| ThreadTtl { ttl, since: now });
        Thread { ttl, ..Thread::new(self.thread_id, metadata, now) }
    }

    /// Refused beside runs: one that waits may be about to begin at a checkpoint that would go.
    fn keep_latest(&mut self, reply: Reply<()>, ctx: &mut Context<Self>) {
        let (thread_id, now) = (self.thread_id, self.environment.now());
        let Some(thread) = self.head.as_mut().filter(|_| self.deleting.is_empty()) else {
            return reply.send(Err(Error::ThreadNotFound { thread_id }));
        };
        if self.queue.is_busy() {
            return reply.send(Err(Error::ThreadBusy { thread_id }));
        }
        let mut changes = vec![Change::KeepLatest];
        if let Some(ttl) = &mut thread.ttl {
            ttl.since = now;
            changes.push(Change::PutThread(thread.clone()));
        }
        let answer = Self::answer_or_end(ctx, move |result| reply.send(answered(result, ())));
        self.put(changes, answer);
    }
}
