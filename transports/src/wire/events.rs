//! What the stream of a run says: its facts, folded to the modes that were asked for, as frames.

use std::sync::Arc;

use eddyline_engine::RunConfig;
use eddyline_engine::fact::Fact;
use eddyline_engine::project::{Classic, Event, Modes};
use eddyline_runtime::Run;
use serde_json::{Value, json};

use super::{Frame, encode};

/// The frames of one run for one reader.
pub(crate) struct Events(Classic);

impl Events {
    /// The frames of `run`, in the modes that it was asked for with; facts have to be told from its first
    /// one on.
    pub(crate) fn new(run: &Run) -> Self {
        let asked = &run.kwargs.stream_modes;
        // A mode without a projection is accepted and shows nothing.
        let modes: Modes = asked.iter().filter_map(|mode| mode.as_str().parse().ok()).collect();
        Self(Classic::new(Arc::new(configuration(run)), modes, run.kwargs.subgraphs))
    }

    /// What the reader sees of `fact`.
    pub(crate) fn of(&mut self, fact: &Fact) -> Vec<Frame> {
        self.0.fold(fact).iter().map(|event: &Event| frame(event.name(), &event.data.payload())).collect()
    }
}

/// The last frame for a reader so slow that what it missed is gone. Clients of these modes cannot go on
/// after a hole, so their stream ends with it; the run goes on.
pub(crate) fn lost_its_place() -> Frame {
    let message = "this reader was too slow, and what it has not read yet is gone; the run goes on";
    frame("error".to_owned(), &json!({"error": "SlowReaderError", "message": message}))
}

/// What events tell of the configuration of a run, in its first attempt.
fn configuration(run: &Run) -> RunConfig {
    let configurable = run.kwargs.config.get("configurable").and_then(Value::as_object);
    let configurable = configurable.cloned().unwrap_or_default();
    let mut metadata = run.metadata.clone();
    metadata.insert("run_attempt".to_owned(), json!(1));
    for key in ["thread_id", "checkpoint_id", "checkpoint_ns", "run_id", "assistant_id", "graph_id"] {
        if let Some(value) =
            configurable.get(key).filter(|value| **value != "" && !metadata.contains_key(key))
        {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    let tags = run.kwargs.config.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str);
    RunConfig {
        thread_id: (!run.kwargs.temporary).then(|| run.thread_id.to_string().into()),
        tags: tags.map(Into::into).collect(),
        configurable: Arc::new(configurable),
        metadata: Arc::new(metadata),
        ..RunConfig::new(run.run_id)
    }
}

fn frame(event: String, payload: &Value) -> Frame {
    let data = encode(payload).expect("a JSON value can be written as JSON");
    Frame { event, data, id: None }
}
