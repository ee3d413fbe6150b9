//! The assistants: the one place that changes them, in storage first and then for everybody.
//!
//! It hears one order at a time and waits for storage before the next: what an order is measured against is what
//! is stored. Nobody who only reads an assistant comes by here.

use std::sync::Arc;

use actix::fut::{ActorFutureExt as _, wrap_future};
use actix::{Actor, Addr, AsyncContext, Context, Handler};

use super::StorageActor;
use crate::assistants::{Assistant, default};
use crate::environment::Environment;
use crate::error::Error;
use crate::messages::{
    ForgetAssistant, Look, MakeAssistant, Put, Reply, RestoreVersion, ReviseAssistant, ServeGraph,
};
use crate::storage::{self, AssistantChange, Transaction};
use crate::threads::IfExists;

/// Changes the assistants of the registry.
///
/// Its queue is bounded by the permits that replies carry.
pub(crate) struct AssistantsActor {
    environment: Arc<Environment>,
    storage: Addr<StorageActor>,
}

impl AssistantsActor {
    pub(crate) fn new(environment: Arc<Environment>, storage: Addr<StorageActor>) -> Self {
        Self { environment, storage }
    }

    /// Stores the assistant as it is from now on.
    fn keep(&self, assistant: Assistant, reply: Reply<Arc<Assistant>>, ctx: &mut Context<Self>) {
        let assistant = Arc::new(assistant);
        self.write(AssistantChange::Put(Arc::clone(&assistant)), ctx, move |actor, result| {
            if result.is_ok() {
                actor.environment.registry.put(Arc::clone(&assistant));
            }
            reply.send(result.map(|()| assistant).map_err(Error::Storage));
        });
    }

    /// Stores a change, and hears nothing else until it is known what became of it.
    fn write(
        &self,
        change: AssistantChange,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&Self, storage::Result<()>) + 'static,
    ) {
        let (put, result) = Put::new(Transaction::Assistant(change));
        self.storage.do_send(put);
        let answered = wrap_future::<_, Self>(result).map(move |result, actor, ctx| {
            if let Err(error) = &result {
                tracing::error!(%error, "an assistant is not stored; all are read again");
                actor.read_again(ctx);
            }
            then(actor, result);
        });
        ctx.wait(answered);
    }

    /// A write that failed may have been stored all the same.
    fn read_again(&self, ctx: &mut Context<Self>) {
        let (look, answer) = Look::new(|storage| storage.assistants());
        self.storage.do_send(look);
        ctx.wait(wrap_future::<_, Self>(answer).map(|stored, actor, _| match stored {
            Ok(stored) => actor.environment.registry.replace(stored),
            Err(error) => tracing::error!(%error, "cannot read the assistants; they stay as they were known"),
        }));
    }
}

impl Actor for AssistantsActor {
    type Context = Context<Self>;
}

impl Handler<MakeAssistant> for AssistantsActor {
    type Result = ();

    fn handle(&mut self, order: MakeAssistant, ctx: &mut Self::Context) {
        let MakeAssistant { assistant_id, rows, request, reply } = order;
        let registry = &self.environment.registry;
        match (registry.known(assistant_id), request.if_exists) {
            (Some(known), IfExists::DoNothing)
                if rows.are_all() || registry.readable(assistant_id, &rows).is_ok() =>
            {
                reply.send(Ok(known.assistant));
            }
            (Some(_), _) => reply.send(Err(Error::AssistantExists { assistant_id })),
            // Whoever made it would say what everybody runs who names the graph.
            (None, _) if !rows.are_all() && registry.is_default(assistant_id) => {
                reply.send(Err(Error::forbidden("The default assistant of a graph belongs to the server")));
            }
            (None, _) => self.keep(Assistant::new(assistant_id, request, self.environment.now()), reply, ctx),
        }
    }
}

impl Handler<ServeGraph> for AssistantsActor {
    type Result = ();

    fn handle(&mut self, ServeGraph { graph_id, graph, reply }: ServeGraph, ctx: &mut Self::Context) {
        let Environment { registry, .. } = &*self.environment;
        let Some(assistant) = default(registry, &graph_id, &graph, self.environment.now()) else {
            registry.set_graph(graph_id, graph);
            return reply.send(Ok(()));
        };
        // Whoever finds the graph finds its assistant.
        let assistant = Arc::new(assistant);
        self.write(AssistantChange::Put(Arc::clone(&assistant)), ctx, move |actor, result| {
            if result.is_ok() {
                actor.environment.registry.put(assistant);
                actor.environment.registry.set_graph(graph_id, graph);
            }
            reply.send(result.map_err(Error::Storage));
        });
    }
}

impl Handler<ReviseAssistant> for AssistantsActor {
    type Result = ();

    fn handle(&mut self, ReviseAssistant { rows, request, reply }: ReviseAssistant, ctx: &mut Self::Context) {
        match self.environment.registry.changeable(request.assistant_id, &rows) {
            Ok(known) => {
                let revised = known.assistant.revised(request, known.newest + 1, self.environment.now());
                self.keep(revised, reply, ctx);
            }
            Err(error) => reply.send(Err(error)),
        }
    }
}

impl Handler<RestoreVersion> for AssistantsActor {
    type Result = ();

    fn handle(&mut self, RestoreVersion { rows, version, reply }: RestoreVersion, ctx: &mut Self::Context) {
        match self.environment.registry.changeable(version.assistant_id, &rows) {
            Ok(known) => {
                let restored = version.current(known.assistant.created_at, self.environment.now());
                self.keep(restored, reply, ctx);
            }
            Err(error) => reply.send(Err(error)),
        }
    }
}

impl Handler<ForgetAssistant> for AssistantsActor {
    type Result = ();

    fn handle(&mut self, order: ForgetAssistant, ctx: &mut Self::Context) {
        let ForgetAssistant { assistant_id, rows, reply } = order;
        if let Err(error) = self.environment.registry.changeable(assistant_id, &rows) {
            return reply.send(Err(error));
        }
        self.write(AssistantChange::Delete(assistant_id), ctx, move |actor, result| {
            if result.is_ok() {
                actor.environment.registry.remove(assistant_id);
            }
            reply.send(result.map_err(Error::Storage));
        });
    }
}
