//! A thread that begins as a copy of another.

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context, Handler};
use serde_json::Map;

use super::ThreadActor;
use crate::error::Error;
use crate::messages::{Answer, BecomeCopy, Look};
use crate::storage::Change;
use crate::threads::Thread;

impl Handler<BecomeCopy> for ThreadActor {
    type Result = ();

    /// Nothing runs on a thread that is not there yet, so the actor may be deaf until the copy is stored.
    fn handle(&mut self, BecomeCopy { source, reply }: BecomeCopy, ctx: &mut Self::Context) {
        self.seen += 1;
        let thread_id = self.thread_id;
        if self.head.is_some() {
            return reply.send(Err(Error::ThreadExists { thread_id }));
        }
        let Thread { created_at: now, ttl, .. } = self.new_thread(Map::new());
        let changes = vec![Change::CopyThread { source, now, ttl }];
        let (answer, stored) = Answer::awaited();
        self.put(changes, answer);
        let (look, record) = Look::new(move |storage| storage.thread(thread_id));
        self.storage.do_send(look);
        let copied = async move {
            stored.await?;
            record.await
        };
        ctx.wait(wrap_future::<_, Self>(copied).map(move |copied, thread, ctx: &mut Context<Self>| {
            let record = copied.map(|stored| stored.map(|stored| stored.thread)).map_err(Error::from);
            let record = record.and_then(|record| record.ok_or(Error::ThreadNotFound { thread_id: source }));
            if let Ok(record) = &record {
                thread.tell_who_waits(record);
            }
            thread.head = record.as_ref().ok().cloned();
            reply.send(record);
            thread.settle(ctx);
        }));
    }
}
