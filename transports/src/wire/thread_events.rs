//! What the stream of a whole thread says: the events of all its runs, when each begins and ends, and what is changed
//! by hand.

use std::collections::HashMap;

use eddyline_engine::fact::Body;
use eddyline_runtime::{Entry, Run, ThreadState};
use serde_json::{Value, json};
use uuid::Uuid;

use super::events::{Events, frame};
use super::place::{Place, Wanted};
use super::{Frame, Query, Refusal, ThreadStateJson, encode};

/// What a reader of a thread wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadModes {
    /// Everything that runs tell.
    runs: bool,
    /// When runs begin and end.
    lifecycle: bool,
    /// States that were changed by hand.
    states: bool,
}

impl ThreadModes {
    /// What a query asks for: by `stream_modes`, or by `stream_mode` as the official clients call it.
    pub(crate) fn from_query(query: &Query) -> Result<Self, Refusal> {
        let names = [query.list("stream_modes"), query.list("stream_mode")].concat();
        let mut modes = Self { runs: names.is_empty(), lifecycle: false, states: false };
        for name in names {
            match name.as_str() {
                "run_modes" => modes.runs = true,
                "lifecycle" => modes.lifecycle = true,
                "state_update" => modes.states = true,
                _ => return Err(Refusal::unprocessable(format!("Invalid stream mode: {name}"))),
            }
        }
        Ok(modes)
    }

    /// Whether changes by hand are to be shown.
    pub(crate) fn shows_states(self) -> bool {
        self.states
    }
}

/// From where on a reader is told a thread, as `Last-Event-ID` says it.
pub(crate) fn thread_place(text: Option<&str>) -> Result<Place, Refusal> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(Place::Now) };
    let refused = || Refusal::unprocessable(format!("Invalid Last-Event-ID: {text:?}"));
    if text == "-" {
        return Ok(Place::Oldest);
    }
    let (number, rest) = text.split_once('-').unwrap_or((text, "*"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if rest != "*" && !is_number(rest) || !is_number(number) {
        return Err(refused());
    }
    number.parse().map(Place::After).map_err(|_| refused())
}

/// The frames of a thread for one reader.
pub(crate) struct ThreadEvents {
    modes: ThreadModes,
    place: Place,
    /// The runs that have begun and not ended.
    runs: HashMap<Uuid, Events>,
}

impl ThreadEvents {
    pub(crate) fn new(modes: ThreadModes, place: Place) -> Self {
        Self { modes, place, runs: HashMap::new() }
    }

    /// Everything that is told from now on is news.
    pub(crate) fn is_present(&mut self) {
        if self.place == Place::Now {
            self.place = Place::First;
        }
        self.runs.values_mut().for_each(Events::is_present);
    }

    /// Facts were lost: what is folded up to here of the runs is worth nothing, and their ends may be among them.
    pub(crate) fn lost(&mut self) {
        self.runs.clear();
    }

    /// True when the record of the run is needed to tell its facts. When runs begin and end, their facts say themselves.
    pub(crate) fn needs(&self, run_id: Uuid) -> bool {
        self.modes.runs && !run_id.is_nil() && !self.runs.contains_key(&run_id)
    }

    /// Takes in the record of a run.
    pub(crate) fn meet(&mut self, run: &Run) {
        self.runs.insert(run.run_id, Events::from(run, self.place, Wanted::default()).with_ids());
    }

    /// What the reader sees of a fact of a run.
    pub(crate) fn of(&mut self, entry: &Entry) -> Vec<Frame> {
        let mut frames = Vec::new();
        if let Some(run) = self.runs.get_mut(&entry.run_id) {
            frames = run.of(entry.seq, &entry.fact);
        } else if self.modes.lifecycle
            && let Body::RunStarted { attempt, .. } = entry.fact.body
        {
            let begun = json!({"run_id": entry.run_id, "attempt": attempt});
            frames.extend(self.metadata(entry.seq, &begun));
        }
        if let Body::RunEnded { .. } = entry.fact.body {
            let is_known = self.runs.remove(&entry.run_id).is_some();
            let done = json!({"status": "run_done", "run_id": entry.run_id});
            if is_known || self.modes.lifecycle {
                // Whether the run failed has the number before it.
                frames.extend(self.metadata(entry.seq + 1, &done));
            }
        }
        frames
    }

    fn metadata(&self, id: u64, data: &Value) -> Option<Frame> {
        let frame = || Frame { id: Some(id.to_string()), ..frame("metadata".to_owned(), data) };
        self.place.shows(id).then(frame)
    }

    /// What the reader sees of a change by hand.
    pub(crate) fn of_state(&self, seq: u64, state: &ThreadState) -> Option<Frame> {
        let data = json!({"state": to_value(state)?, "thread_id": state.thread_id});
        let frame = frame("state_update".to_owned(), &data);
        self.place.shows(seq).then(|| Frame { id: Some(seq.to_string()), ..frame })
    }
}

fn to_value(state: &ThreadState) -> Option<Value> {
    let bytes = encode(&ThreadStateJson(state)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::run_json::tests::run;
    use super::*;

    fn modes(pairs: &[(&str, &str)]) -> Option<(bool, bool, bool)> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let modes = ThreadModes::from_query(&Query::new(pairs.collect())).ok()?;
        Some((modes.runs, modes.lifecycle, modes.states))
    }

    #[test]
    fn modes_are_named_in_either_way() {
        assert_eq!(modes(&[]), Some((true, false, false)));
        assert_eq!(modes(&[("stream_modes", "lifecycle,state_update")]), Some((false, true, true)));
        assert_eq!(modes(&[("stream_mode", r#"["run_modes"]"#)]), Some((true, false, false)));
        assert_eq!(modes(&[("stream_mode", "values")]), None);
    }

    #[test]
    fn of_runs_whose_facts_were_lost_nothing_is_kept() {
        let run = Run { run_id: Uuid::from_u128(1), ..run(1) };
        let modes = ThreadModes::from_query(&Query::new(Vec::new())).unwrap();
        let mut events = ThreadEvents::new(modes, Place::Now);
        assert!(events.needs(run.run_id) && !events.needs(Uuid::nil()));
        events.meet(&run);
        assert!(!events.needs(run.run_id));
        events.lost();
        assert!(events.needs(run.run_id) && events.runs.is_empty());
    }

    #[test]
    fn a_place_on_a_thread_is_a_number_or_everything() {
        assert_eq!(thread_place(None), Ok(Place::Now));
        assert_eq!(thread_place(Some("-")), Ok(Place::Oldest));
        assert_eq!(thread_place(Some("7")), Ok(Place::After(7)));
        assert_eq!(thread_place(Some("7-3")), Ok(Place::After(7)));
        assert_eq!(thread_place(Some("7-*")), Ok(Place::After(7)));
        for wrong in ["-1", "soon", "7-", "7-x", "99999999999999999999999"] {
            assert!(thread_place(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
