//! Commands that need nothing but the runtime: runs, answers, states.

use std::sync::Arc;

use eddyline_engine::project::protocol::Filter;
use eddyline_runtime::{
    Begin, CheckpointAddress, Delivery, Error, Handle, ReadHistory, ReadState, StartRun, Thread, ThreadState,
};
use uuid::Uuid;

use super::past::{Past, last_of};
use crate::wire::assistant_of;
use crate::wire::protocol::{
    Command, Document, From, Problem, Respond, checkpoints, forked, nothing, run_started, state, tree,
};

/// Carries out a command that is about no subscription.
pub(crate) async fn perform(
    runtime: &Handle,
    thread_id: Uuid,
    command: Command,
) -> Result<Document, Problem> {
    match command {
        Command::Start(request) => {
            let request = StartRun { thread_id: Some(thread_id), ..*request };
            Ok(run_started(&runtime.start_run(request).await?.0))
        }
        Command::Respond(respond) => answer(runtime, thread_id, *respond).await,
        Command::Fork(request, checkpoint) => fork(runtime, thread_id, *request, &checkpoint).await,
        Command::Tree => {
            let past = Past::of(runtime, thread_id, &Filter::default(), &From::Oldest).await?;
            tree(&past.tree)
        }
        Command::State { ns, keys } => {
            let checkpoint = CheckpointAddress { ns: Some(ns.into()), ..CheckpointAddress::default() };
            let request = ReadState { checkpoint, ..ReadState::new(thread_id) };
            Ok(state(&runtime.state(request).await?, keys.as_deref()))
        }
        Command::Checkpoints { ns, limit, before } => {
            let checkpoint = CheckpointAddress { ns: Some(ns.into()), ..CheckpointAddress::default() };
            let request = ReadHistory { checkpoint, before, ..ReadHistory::new(thread_id, limit) };
            Ok(checkpoints(&runtime.history(request).await?))
        }
        Command::Subscribe(_) | Command::Reconnect(_) | Command::Unsubscribe(_) => {
            Err(Problem::not_supported(
                "Subscriptions belong to a connection; open an event stream or a WebSocket.",
            ))
        }
        Command::Own(_) => Err(Problem::not_supported("The command is not about a thread.")),
    }
}

async fn answer(runtime: &Handle, thread_id: Uuid, respond: Respond) -> Result<Document, Problem> {
    let none = || Problem::no_run("No interrupted run is bound to this thread.");
    let thread = match runtime.thread(thread_id).await {
        Ok(thread) => thread,
        Err(Error::ThreadNotFound { .. }) => return Err(none()),
        Err(error) => return Err(error.into()),
    };
    let assistant = assistant_of(&thread).ok_or_else(none)?;
    let request = StartRun { thread_id: Some(thread_id), ..respond.into_request(assistant) };
    drop(runtime.start_run(request).await?);
    Ok(nothing())
}

async fn fork(
    runtime: &Handle,
    thread_id: Uuid,
    request: StartRun,
    checkpoint: &str,
) -> Result<Document, Problem> {
    let unknown = || Problem::no_checkpoint(checkpoint);
    let thread: Thread = match runtime.thread(thread_id).await {
        Ok(thread) => thread,
        Err(Error::ThreadNotFound { .. }) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    let address = request.checkpoint_id.map(CheckpointAddress::of_id).ok_or_else(unknown)?;
    let found: ThreadState =
        runtime.state(ReadState { checkpoint: address, ..ReadState::new(thread_id) }).await?;
    if found.snapshot.is_none() {
        return Err(unknown());
    }
    let assistant = match request.assistant.as_str() {
        "" => assistant_of(&thread).ok_or_else(unknown)?,
        named => named.to_owned(),
    };
    let request = StartRun { thread_id: Some(thread_id), assistant, ..request };
    Ok(forked(&runtime.start_run(request).await?.0))
}

/// The number up to which everything has happened on a thread: 0 if nothing has.
pub(crate) async fn position(runtime: &Handle, thread_id: Uuid) -> u64 {
    let Ok(mut facts) = runtime.listen_for(thread_id, Begin::OldestToPresent).await else { return 0 };
    let mut last = 0;
    while let Some(delivery) = facts.next().await {
        match delivery {
            Delivery::Present => break,
            Delivery::Fact(entry) => last = last_of(&Arc::clone(&entry)),
            Delivery::Gap(_) => {}
        }
    }
    last
}
