//! What the stream of a run says: its facts, folded to the modes that were asked for, as frames.

use std::sync::Arc;

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
        Self(Classic::new(Arc::new(run.config()), modes, run.kwargs.subgraphs))
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

fn frame(event: String, payload: &Value) -> Frame {
    let data = encode(payload).expect("a JSON value can be written as JSON");
    Frame { event, data, id: None }
}
