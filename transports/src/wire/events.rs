//! What the stream of a run says: its facts, folded to the modes that were asked for, as frames.

use eddyline_engine::fact::{Body, Fact};
use eddyline_engine::project::{Classic, Modes};
use eddyline_runtime::{EVENTS_PER_FACT, Gap, Run};
use serde_json::{Map, Value, json};

use super::place::{Place, Wanted};
use super::{Frame, encode};

/// The event that tells the links for feedback.
const FEEDBACK: &str = "feedback";

/// The frames of one run for one reader.
///
/// Facts have to be told from the run's first one on, wherever the reader stands: what a fact shows depends
/// on those before it.
pub(crate) struct Events {
    /// As it is at the attempt that is told.
    run: Run,
    fold: Classic,
    place: Place,
    wanted: Wanted,
    /// Only streams that can be taken up again have ids: others would invite clients to try.
    ids: bool,
    /// The links for feedback, by key, which are told when the run has ended well.
    links: Map<String, Value>,
    /// True once it was told something.
    begun: bool,
}

impl Events {
    /// The frames of `run`, in the modes that it was asked for with, to a reader that was there before it.
    pub(crate) fn new(run: &Run) -> Self {
        Self::from(run, Place::First, Wanted::default())
    }

    /// The frames of `run` that are `wanted`, from `place` on.
    pub(crate) fn from(run: &Run, place: Place, wanted: Wanted) -> Self {
        let asked = &run.kwargs.stream_modes;
        // A mode without a projection is accepted and shows nothing.
        let modes: Modes = asked.iter().filter_map(|mode| mode.as_str().parse().ok()).collect();
        let fold = Classic::new(run.config(), modes, run.kwargs.subgraphs);
        Self {
            run: run.clone(),
            fold,
            place,
            wanted,
            ids: run.kwargs.resumable,
            links: Map::new(),
            begun: false,
        }
    }

    /// Gives every frame its id, whether its run can be taken up again or not.
    pub(crate) fn with_ids(self) -> Self {
        Self { ids: true, ..self }
    }

    /// Tells these links when the run has ended well.
    pub(crate) fn with_feedback(self, links: Map<String, Value>) -> Self {
        Self { links, ..self }
    }

    /// Everything that is told from now on is news.
    pub(crate) fn is_present(&mut self) {
        if self.place == Place::Now {
            self.place = Place::First;
        }
    }

    /// What the reader sees of `fact`, whose first number is `seq`.
    pub(crate) fn of(&mut self, seq: u64, fact: &Fact) -> Vec<Frame> {
        if let Body::RunStarted { attempt, .. } = fact.body {
            self.begin(attempt);
        }
        let ids = (seq..).take_while(|id| id - seq < EVENTS_PER_FACT);
        // Events beyond the last number share it.
        let last = seq + EVENTS_PER_FACT - 1;
        let ids = ids.chain(std::iter::repeat(last));
        let links = self.feedback(last, fact);
        let Self { fold, place, wanted, ids: shows_ids, .. } = self;
        let events = fold.fold(fact).into_iter().zip(ids).filter(|(_, id)| place.shows(*id));
        let named = events.map(|(event, id)| (event.name(), event, id));
        let frames = named.filter(|(name, ..)| wanted.shows(name)).map(|(name, event, id)| {
            let id = shows_ids.then(|| id.to_string());
            Frame { id, ..frame(name, &event.data.payload()) }
        });
        frames.chain(links).collect()
    }

    /// The links for feedback, once the run has ended well.
    fn feedback(&self, seq: u64, fact: &Fact) -> Option<Frame> {
        let ends_well = matches!(fact.body, Body::RunEnded { failure: None, .. });
        let shows =
            ends_well && !self.links.is_empty() && self.place.shows(seq) && self.wanted.shows(FEEDBACK);
        let id = self.ids.then(|| seq.to_string());
        shows.then(|| Frame { id, ..frame(FEEDBACK.to_owned(), &json!(self.links)) })
    }

    /// What happens in an attempt names that one, whichever the run has come to by now.
    fn begin(&mut self, attempt: u32) {
        if self.run.attempt.max(1) != attempt {
            self.run.attempt = attempt;
            self.fold.reconfigure(self.run.config());
        }
    }

    /// The last frame for a reader that comes back too late: the oldest fact that is kept, of number `seq`, is not the
    /// beginning of the run, and lies behind what the reader is owed.
    pub(crate) fn begins_too_late(&mut self, seq: u64, fact: &Fact) -> Option<Frame> {
        let is_first = !std::mem::replace(&mut self.begun, true);
        let is_beginning = matches!(fact.body, Body::RunStarted { .. });
        (is_first && !is_beginning).then(|| self.hole(Gap { resumes_at: seq })).flatten()
    }

    /// The last frame for a reader that missed something for good: clients of these modes cannot go on after
    /// a hole, so their stream ends with it; the run goes on. `None` when nothing is missing that it was owed.
    pub(crate) fn hole(&self, gap: Gap) -> Option<Frame> {
        let message =
            "what this reader has not read yet is no longer kept (`streams.kept_bytes`); the run goes on";
        let error = || frame("error".to_owned(), &json!({"error": "SlowReaderError", "message": message}));
        self.place.misses(gap.resumes_at).then(error)
    }
}

pub(super) fn frame(event: String, payload: &Value) -> Frame {
    let data = encode(payload).expect("a JSON value can be written as JSON");
    Frame { event, data, id: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eddyline_engine::fact::{TaskInfo, TaskPath};
    use eddyline_engine::ids::Timestamp;
    use eddyline_runtime::StreamMode;
    use uuid::Uuid;

    use super::super::run_json::tests::run;
    use super::*;

    fn fact(body: Body) -> Fact {
        Fact { ns: "".into(), at: Timestamp(0), body }
    }

    fn task() -> Body {
        Body::TaskStarted(Arc::new(TaskInfo {
            id: Uuid::nil(),
            name: "node".into(),
            step: 1,
            ns: "node:1".into(),
            path: TaskPath::Push(0),
            triggers: [].into(),
            input: json!({}).into(),
            metadata: Arc::default(),
            tags: [].into(),
            hidden: false,
        }))
    }

    #[test]
    fn what_happens_in_an_attempt_names_it() {
        let mut run = run(3);
        Arc::make_mut(&mut run.kwargs).stream_modes = vec![StreamMode::from_name("tasks").unwrap()];
        let mut events = Events::from(&run, Place::Oldest, Wanted::default());
        for attempt in 1..=3 {
            events.of(0, &fact(Body::RunStarted { attempt, graph: "agent".into(), answers: Vec::new() }));
            let frames = events.of(EVENTS_PER_FACT, &fact(task()));
            let data: Value = serde_json::from_slice(&frames[0].data).unwrap();
            assert_eq!(data["metadata"]["run_attempt"], attempt, "{data}");
        }
    }
}
