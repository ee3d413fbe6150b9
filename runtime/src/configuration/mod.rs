//! What a graph sees of a request: configurable values, context and metadata, as assistant, thread,
//! request and server add to them.
//!
//! Pure: everything comes in as a parameter. The rules, in the order in which they overlay each other, are
//! those of the API.

mod command;

use std::sync::Arc;

use eddyline_engine::config::DEFAULT_RECURSION_LIMIT;
use eddyline_engine::{Key, RunConfig, RunInput};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::assistants::Assistant;
use crate::error::Error;
use crate::runs::{Kwargs, Run, StartRun, StreamMode};
use crate::threads::Thread;

use command::command;

type Json = Map<String, Value>;

/// What a run takes over from its thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    pub(crate) config: Json,
    pub(crate) metadata: Json,
}

/// Refuses a request whose parts have the wrong shape or contradict each other.
pub(crate) fn check(request: &StartRun) -> Result<(), Error> {
    check_config(&request.config, &request.context)?;
    command(request.command.as_ref())?;
    Ok(())
}

/// Refuses a configuration of which a part has the wrong shape, or that contradicts the context beside it.
pub(crate) fn check_config(config: &Json, context: &Json) -> Result<(), Error> {
    let configurable = part(config, "configurable")?;
    part(config, "metadata")?;
    if !configurable.is_empty() && !context.is_empty() {
        return Err(Error::Contradiction {
            message: "Cannot specify both configurable and context. Prefer setting context alone.".to_owned(),
        });
    }
    recursion_limit(config)?;
    max_concurrency(config)?;
    tags(config)?;
    Ok(())
}

/// The thread that a run makes for itself.
pub(crate) fn new_thread_metadata(request: &StartRun, assistant: &Assistant) -> Json {
    let mut metadata = owners(assistant);
    overlay(&mut metadata, &config_metadata(request));
    overlay(&mut metadata, &request.metadata);
    metadata
}

/// What a run leaves on a thread that was not busy: whose graph ran last, and the configuration that later
/// runs inherit. The run's own configurable values stay with the run.
pub(crate) fn mark_thread(thread: &mut Thread, request: &StartRun, assistant: &Assistant) {
    overlay(&mut thread.metadata, &owners(assistant));
    let mut configurable = configurable_of(&assistant.config);
    overlay(&mut configurable, &configurable_of(&thread.config));
    let mut config = assistant.config.clone();
    overlay(&mut config, &thread.config);
    overlay(&mut config, &request.config);
    config.insert("configurable".to_owned(), Value::Object(configurable));
    thread.config = config;
}

/// What the run is asked and what is said about it. `request` has passed [`check`].
pub(crate) fn derive(
    request: StartRun,
    assistant: &Assistant,
    thread: &Inherited,
    (thread_id, run_id): (Uuid, Uuid),
    temporary: bool,
) -> (Kwargs, Json) {
    let requested = configurable_of(&request.config);
    let (own, own_context) = if request.context.is_empty() {
        (requested.clone(), requested)
    } else {
        (request.context.clone(), request.context.clone())
    };
    let metadata = run_metadata(&request, assistant, &thread.metadata);
    let mut configurable = configurable_of(&assistant.config);
    overlay(&mut configurable, &configurable_of(&thread.config));
    overlay(&mut configurable, &own);
    overlay(&mut configurable, &addressed(&request));
    overlay(&mut configurable, &request.caller);
    overlay(&mut configurable, &server_values(assistant, thread_id, run_id));

    let mut context = assistant.context.clone();
    overlay(&mut context, &own_context);
    let mut config = assistant.config.clone();
    overlay(&mut config, &request.config);
    config.insert("configurable".to_owned(), Value::Object(configurable));
    config.insert("metadata".to_owned(), Value::Object(metadata.clone()));

    let checkpoint_id = checkpoint_id(&request);
    let kwargs = Kwargs {
        input: request.input,
        command: request.command,
        config,
        context,
        stream_modes: request.stream_modes,
        interrupt_before: request.interrupt_before,
        interrupt_after: request.interrupt_after,
        checkpoint_id,
        webhook: request.webhook,
        feedback_keys: request.feedback_keys,
        temporary,
        subgraphs: request.subgraphs,
        resumable: request.resumable,
        durability: request.durability,
        strict_resume: request.strict_resume,
        answers: Arc::default(),
    };
    (kwargs, metadata)
}

/// What the engine is told of a run. One that waits is described as it will be at its first attempt.
pub(crate) fn run_config(run: &Run) -> RunConfig {
    let kwargs = &run.kwargs;
    let attempt = run.attempt.max(1);
    let configurable = configurable_of(&kwargs.config);
    let metadata = running_metadata(run, &configurable, attempt);
    RunConfig {
        thread_id: (!kwargs.temporary).then(|| run.thread_id.to_string().into()),
        graph_name: run.graph_id.as_str().into(),
        // The shapes were checked when the run was taken in.
        recursion_limit: recursion_limit(&kwargs.config).ok().flatten().unwrap_or(DEFAULT_RECURSION_LIMIT),
        max_concurrency: max_concurrency(&kwargs.config).unwrap_or_default(),
        durability: kwargs.durability,
        checkpoints: !kwargs.temporary,
        interrupt_before: kwargs.interrupt_before.clone(),
        interrupt_after: kwargs.interrupt_after.clone(),
        checkpoint_id: kwargs.checkpoint_id,
        retry: attempt > 1,
        resumed_from_outside: resumed_from_outside(&configurable),
        strict_resume: kwargs.strict_resume,
        answers: kwargs.answers.clone(),
        context: Value::Object(kwargs.context.clone()).into(),
        stored_metadata: Arc::new(stored_metadata(&configurable, &metadata)),
        configurable: Arc::new(configurable),
        metadata: Arc::new(metadata),
        tags: tags(&kwargs.config).unwrap_or_default().into(),
        whole_output: kwargs.stream_modes.contains(&StreamMode::Events),
        ..RunConfig::new(run.run_id)
    }
}

/// What `RemoteGraph` sends, between other configurable values, when the graph that has it as a node resumes.
fn resumed_from_outside(configurable: &Json) -> Option<Arc<Json>> {
    let answers = || configurable.get("__pregel_resume_map")?.as_object().cloned();
    let resumes = configurable.get("__pregel_resuming") == Some(&Value::Bool(true));
    resumes.then(|| Arc::new(answers().unwrap_or_default()))
}

/// What the graph is given: a command that says something, else an input that is not null, else nothing.
pub(crate) fn run_input(kwargs: &Kwargs) -> RunInput {
    match (command(kwargs.command.as_ref()), &kwargs.input) {
        (Ok(Some(command)), _) => RunInput::Command(command),
        (_, Some(input)) if !input.is_null() => RunInput::Value(input.clone()),
        _ => RunInput::Nothing,
    }
}

/// `{graph_id, assistant_id}`.
fn owners(assistant: &Assistant) -> Json {
    let mut owners = Json::new();
    owners.insert("graph_id".to_owned(), json!(assistant.graph_id));
    owners.insert("assistant_id".to_owned(), json!(assistant.assistant_id));
    owners
}

fn run_metadata(request: &StartRun, assistant: &Assistant, thread: &Json) -> Json {
    let mut metadata = assistant.metadata.clone();
    overlay(&mut metadata, thread);
    overlay(&mut metadata, &config_metadata(request));
    overlay(&mut metadata, &request.metadata);
    metadata.insert("assistant_id".to_owned(), json!(assistant.assistant_id));
    metadata
}

/// What a request says of where it comes from, and about the checkpoint to start from.
fn addressed(request: &StartRun) -> Json {
    let mut addressed = Json::new();
    if let Some(id) = request.cron_id {
        addressed.insert("cron_id".to_owned(), json!(id));
    }
    if let Some(id) = request.checkpoint_id {
        addressed.insert("checkpoint_id".to_owned(), json!(id));
    }
    overlay(&mut addressed, &request.checkpoint);
    addressed
}

fn checkpoint_id(request: &StartRun) -> Option<Uuid> {
    let named = request.checkpoint.get("checkpoint_id").and_then(Value::as_str);
    named.and_then(|text| Uuid::parse_str(text).ok()).or(request.checkpoint_id)
}

fn server_values(assistant: &Assistant, thread_id: Uuid, run_id: Uuid) -> Json {
    let mut values = Json::new();
    values.insert("run_id".to_owned(), json!(run_id));
    values.insert("thread_id".to_owned(), json!(thread_id));
    overlay(&mut values, &owners(assistant));
    values
}

/// The run's metadata, the attempt, and those ids of `configurable` that are not in it yet.
fn running_metadata(run: &Run, configurable: &Json, attempt: u32) -> Json {
    const COPIED: [&str; 6] =
        ["thread_id", "checkpoint_id", "checkpoint_ns", "run_id", "assistant_id", "graph_id"];
    let mut metadata = run.metadata.clone();
    metadata.insert("run_attempt".to_owned(), json!(attempt));
    for key in COPIED {
        match configurable.get(key) {
            Some(Value::String(text)) if !text.is_empty() && !metadata.contains_key(key) => {
                metadata.insert(key.to_owned(), json!(text));
            }
            _ => {}
        }
    }
    metadata
}

/// What is stored beside each checkpoint: the configurable values that describe the caller and not this one
/// request, overlaid by the metadata.
fn stored_metadata(configurable: &Json, metadata: &Json) -> Json {
    let passing = |key: &str| {
        let own = ["checkpoint_ns", "checkpoint_id", "run_id", "thread_id", "langgraph_request_id"];
        key.starts_with("__") || key.starts_with("langgraph_auth_") || own.contains(&key)
    };
    let lasting = configurable.iter().filter(|(key, _)| !passing(key));
    let mut stored: Json = lasting.map(|(key, value)| (key.clone(), value.clone())).collect();
    overlay(&mut stored, metadata);
    stored
}

/// Sets every key of `over` in `base`; a key that is there already keeps its place.
fn overlay(base: &mut Json, over: &Json) {
    for (key, value) in over {
        base.insert(key.clone(), value.clone());
    }
}

fn configurable_of(config: &Json) -> Json {
    part(config, "configurable").unwrap_or_default()
}

fn config_metadata(request: &StartRun) -> Json {
    part(&request.config, "metadata").unwrap_or_default()
}

fn part(config: &Json, key: &str) -> Result<Json, Error> {
    match config.get(key) {
        None | Some(Value::Null) => Ok(Json::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(_) => Err(Error::invalid(format!("config.{key} must be an object"))),
    }
}

fn recursion_limit(config: &Json) -> Result<Option<u64>, Error> {
    match config.get("recursion_limit") {
        None | Some(Value::Null) => Ok(None),
        Some(limit) => match limit.as_u64() {
            Some(limit) => Ok(Some(limit)),
            None => Err(Error::invalid("config.recursion_limit must be an integer that is not negative")),
        },
    }
}

fn max_concurrency(config: &Json) -> Result<Option<usize>, Error> {
    match config.get("max_concurrency") {
        None | Some(Value::Null) => Ok(None),
        Some(limit) => match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(Error::invalid("config.max_concurrency must be a positive integer")),
        },
    }
}

fn tags(config: &Json) -> Result<Vec<Key>, Error> {
    let wrong = || Error::invalid("config.tags must be a list of strings");
    match config.get("tags") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(tags)) => {
            tags.iter().map(|tag| tag.as_str().map(Key::from).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;
