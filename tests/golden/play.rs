//! Playing the calls of a case in process: a request becomes a call of the runtime's [`Handle`], and the
//! facts of a run are folded to the frames that the HTTP API would send.
//!
//! What the runtime does not say itself is not played: the answers have only what they have in common.

use std::time::Duration;

use eddyline_engine::config::{Breakpoints, Durability};
use eddyline_engine::fact::Failure;
use eddyline_engine::project::{Classic, Modes};
use eddyline_engine::{Key, Shared};
use eddyline_runtime::{
    CancelAction, CancelRun, CheckpointAddress, CreateThread, Delivery, Handle, ReadHistory, ReadState, Run,
    RunStatus, StartRun, StreamMode, Thread, UpdateState,
};
use eddyline_transports::{ThreadStateJson, UpdatedStateJson};
use serde_json::{Map, Value, json};

use super::cases;
use super::normalise::Normalise;
use super::saved::Saved;

/// How long a case may take. The longest sleeps for a little more than a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// The reason that the HTTP API gives for what it is asked to cancel.
const CANCELLED: &str = "interrupt requested via POST /threads/{thread_id}/runs/{run_id}/cancel";

/// Plays a case; the recording has an answer for each call, but only what can be compared of it.
///
/// Fails with the reason if the case cannot be played to its end.
pub(super) async fn play(handle: &Handle, case: &Value, nonce: &str) -> Result<Value, String> {
    let mut player = Player { handle, saved: Saved::new(nonce), normalise: Normalise::new(nonce) };
    let calls = async {
        let mut answers = Vec::new();
        for call in case["calls"].as_array().into_iter().flatten() {
            if let Some(seconds) = call["sleep"].as_f64() {
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                continue;
            }
            answers.push(player.call(call).await?);
        }
        Ok::<_, String>(answers)
    };
    let answers = match tokio::time::timeout(PATIENCE, calls).await {
        Ok(answers) => answers?,
        Err(_) => return Err(format!("the case is not over after {PATIENCE:?}")),
    };
    let unordered = case.get("unordered").cloned().unwrap_or(Value::Bool(false));
    Ok(json!({"name": case["name"], "about": case["about"], "unordered": unordered, "answers": answers}))
}

/// The transcript of a case with what `played` has of it, and nothing else.
pub(super) fn expected(played: &Value) -> Value {
    let mut transcript = cases::transcript(cases::name(played));
    let answers = transcript["answers"].as_array_mut().expect("a transcript has answers");
    for (answer, played) in answers.iter_mut().zip(played["answers"].as_array().into_iter().flatten()) {
        let answer = answer.as_object_mut().expect("an answer is an object");
        answer.retain(|key, _| played.get(key).is_some());
        if let (Some(Value::Object(body)), Some(played)) = (answer.get_mut("body"), played.get("body")) {
            body.retain(|key, _| played.get(key).is_some());
        }
    }
    transcript
}

struct Player<'a> {
    handle: &'a Handle,
    saved: Saved,
    normalise: Normalise,
}

impl Player<'_> {
    async fn call(&mut self, call: &Value) -> Result<Value, String> {
        let (method, path) = (text(&call["method"]), text(&call["path"]));
        let mut answer = json!({"call": format!("{method} {path}")});
        let filled = self.saved.fill(&call["path"]);
        let (place, query) = text(&filled).split_once('?').unwrap_or((text(&filled), ""));
        let parts: Vec<&str> = place.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["threads"]) => {
                let thread = self.handle.create_thread(CreateThread::default()).await.map_err(said)?;
                self.saved.save(call, &json!({"thread_id": thread.thread_id}))?;
                answer["body"] = self.normalise.value(&thread_body(&thread));
            }
            ("GET", ["threads", thread_id]) => {
                let thread_id = thread_id.parse().map_err(said)?;
                let thread = self.handle.thread(thread_id).await.map_err(said)?;
                answer["body"] = self.normalise.value(&thread_body(&thread));
            }
            ("POST", ["threads", thread_id, "runs", "stream"]) => {
                let mut request = start_run(self.saved.fill(&call["body"]))?;
                request.thread_id = Some(thread_id.parse().map_err(said)?);
                self.stream(request, call, &mut answer).await?;
            }
            ("POST", ["runs", "stream"]) => {
                let request = start_run(self.saved.fill(&call["body"]))?;
                self.stream(request, call, &mut answer).await?;
            }
            ("POST", ["threads", thread_id, "runs"]) => {
                let mut request = start_run(self.saved.fill(&call["body"]))?;
                request.thread_id = Some(thread_id.parse().map_err(said)?);
                let (run, _) = self.handle.start_run(request).await.map_err(said)?;
                self.answer(call, &run_body(&run), &mut answer)?;
            }
            ("GET", ["threads", thread_id, "runs", run_id]) => {
                let (thread_id, run_id) = (thread_id.parse().map_err(said)?, run_id.parse().map_err(said)?);
                let run = self.handle.run(thread_id, run_id).await.map_err(said)?;
                self.answer(call, &run_body(&run), &mut answer)?;
            }
            ("POST", ["threads", thread_id, "runs", run_id, "cancel"]) => {
                let request = CancelRun {
                    thread_id: thread_id.parse().map_err(said)?,
                    run_id: run_id.parse().map_err(said)?,
                    action: CancelAction::Interrupt,
                    reason: CANCELLED.to_owned(),
                    wait: parameter(query, "wait") == Some("true"),
                };
                self.handle.cancel(request).await.map_err(said)?;
            }
            ("GET", ["threads", thread_id, "state", checkpoint @ ..]) => {
                let checkpoint = checkpoint.first().map(|id| id.parse()).transpose().map_err(said)?;
                let request = ReadState {
                    checkpoint: checkpoint.map(CheckpointAddress::of_id).unwrap_or_default(),
                    subgraphs: parameter(query, "subgraphs") == Some("true"),
                    ..ReadState::new(thread_id.parse().map_err(said)?)
                };
                let state = self.handle.state(request).await.map_err(said)?;
                self.answer(call, &json!(ThreadStateJson(&state)), &mut answer)?;
            }
            ("GET", ["threads", thread_id, "history"]) => {
                let limit = parameter(query, "limit").unwrap_or("1").parse().map_err(said)?;
                let request = ReadHistory::new(thread_id.parse().map_err(said)?, limit);
                let states = self.handle.history(request).await.map_err(said)?;
                let states: Vec<ThreadStateJson<'_>> = states.iter().map(ThreadStateJson).collect();
                self.answer(call, &json!(states), &mut answer)?;
            }
            ("POST", ["threads", thread_id, "state"]) => {
                let request = update_state(thread_id, self.saved.fill(&call["body"]))?;
                let thread_id = request.thread_id;
                let address = self.handle.update_state(request).await.map_err(said)?;
                self.answer(call, &json!(UpdatedStateJson { thread_id, address }), &mut answer)?;
            }
            _ => return Err(format!("{method} {path} cannot be played yet")),
        }
        Ok(answer)
    }

    /// Takes a body as the answer, and keeps what the call saves out of it.
    fn answer(&mut self, call: &Value, body: &Value, answer: &mut Value) -> Result<(), String> {
        self.saved.save(call, body)?;
        answer["body"] = self.normalise.value(body);
        Ok(())
    }

    /// Starts a run and listens to its end.
    async fn stream(&mut self, request: StartRun, call: &Value, answer: &mut Value) -> Result<(), String> {
        let (run, mut events) = self.handle.start_run(request).await.map_err(said)?;
        let mut fold = fold(&run);
        let mut frames = Vec::new();
        let (timed, mut early) = (call.get("timed").is_some(), None);
        while let Some(delivery) = events.next().await {
            let Delivery::Fact(entry) = delivery else {
                return Err("the listener was too slow".to_owned());
            };
            for event in fold.fold(&entry.fact) {
                if timed && early.is_none() && event.data.name() == "custom" {
                    let run = self.handle.run(run.thread_id, run.run_id).await.map_err(said)?;
                    early = Some(run.status == RunStatus::Running);
                }
                frames.push(json!({"event": event.name(), "data": event.data.payload()}));
            }
        }
        if timed {
            // `record.py` measures how long after the first event the stream ends; here the run itself says
            // that it is still under way.
            answer["early"] = early.unwrap_or(false).into();
        }
        answer["frames"] = self.normalise.value(&frames.into());
        Ok(())
    }
}

fn said(error: impl std::error::Error) -> String {
    format!("{error} ({error:?})")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The value of a parameter of a query.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// What of a thread's record is compared: all that runs decide.
fn thread_body(thread: &Thread) -> Value {
    let open = thread.interrupts.iter().map(|(task, questions)| (task.to_string(), json!(questions)));
    json!({
        "thread_id": thread.thread_id,
        "metadata": thread.metadata,
        "status": thread.status.as_str(),
        "config": thread.config,
        "values": thread.values,
        "error": thread.error.as_ref().map(Failure::to_json),
        "interrupts": open.collect::<Map<_, _>>(),
    })
}

/// What of a run's record is compared: all but what it was asked.
fn run_body(run: &Run) -> Value {
    json!({
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": run.status.as_str(),
        "multitask_strategy": run.multitask_strategy.as_str(),
    })
}

/// What a client of the run's own stream sees.
fn fold(run: &Run) -> Classic {
    let kwargs = &run.kwargs;
    let modes: Modes = kwargs.stream_modes.iter().filter_map(|mode| mode.as_str().parse().ok()).collect();
    Classic::new(run.config(), modes, kwargs.subgraphs)
}

/// The request of a run, from its body. Every key that a case uses is known here.
fn start_run(body: Value) -> Result<StartRun, String> {
    let Value::Object(body) = body else { return Err("a run is asked for by an object".to_owned()) };
    let mut request = StartRun::new(text(&body["assistant_id"]));
    for (key, value) in body {
        match key.as_str() {
            "assistant_id" => {}
            "input" => request.input = Some(value.into()),
            "command" => request.command = Some(value),
            "config" => request.config = serde_json::from_value(value).map_err(said)?,
            "stream_mode" => request.stream_modes = modes(value)?,
            "stream_subgraphs" => request.subgraphs = value == true,
            "interrupt_before" => request.interrupt_before = Some(pauses(value)?),
            "interrupt_after" => request.interrupt_after = Some(pauses(value)?),
            "checkpoint_id" => request.checkpoint_id = Some(text(&value).parse().map_err(said)?),
            "durability" => request.durability = serde_json::from_value::<Durability>(value).map_err(said)?,
            _ => return Err(format!("`{key}` in the body of a run cannot be played yet")),
        }
    }
    Ok(request)
}

/// A change by hand, from its body. Every key that a case uses is known here.
fn update_state(thread_id: &str, body: Value) -> Result<UpdateState, String> {
    let Value::Object(mut body) = body else { return Err("a change is asked for by an object".to_owned()) };
    let values = body.remove("values").filter(|values| !values.is_null()).map(Shared::from);
    let as_node = body.remove("as_node").map(|name| Key::from(text(&name)));
    match body.keys().next() {
        None => Ok(UpdateState::new(thread_id.parse().map_err(said)?, values, as_node)),
        Some(key) => Err(format!("`{key}` in the body of a change cannot be played yet")),
    }
}

fn modes(value: Value) -> Result<Vec<StreamMode>, String> {
    names(value)?
        .iter()
        .map(|name| StreamMode::from_name(name).ok_or_else(|| format!("no mode is called {name}")))
        .collect()
}

fn pauses(value: Value) -> Result<Breakpoints, String> {
    Ok(Breakpoints::At(names(value)?.into_iter().map(Into::into).collect()))
}

/// A name, or a list of names.
fn names(value: Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(name) => Ok(vec![name]),
        names => serde_json::from_value(names).map_err(said),
    }
}
