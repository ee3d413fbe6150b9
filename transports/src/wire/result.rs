//! What a run comes to, for clients that wait for its end: a fold over its facts.

use eddyline_engine::fact::{Fact, Failure};
use eddyline_engine::project::{Classic, Data, Mode, Modes};
use eddyline_runtime::{Run, Thread, ThreadStatus};
use serde_json::{Map, Value, json};

use super::thread::interrupt_json;

/// The result of one run, as far as its events tell it.
pub(crate) struct RunResult {
    fold: Classic,
    told: Told,
    /// The links for feedback, by key.
    links: Map<String, Value>,
}

/// What the events of a run said.
#[derive(Debug, Default)]
struct Told {
    error: Option<Value>,
    /// The events that ask something.
    questions: Vec<Data>,
    /// The last state without a question.
    values: Option<Data>,
}

impl RunResult {
    /// Nothing told of `run` yet.
    pub(crate) fn of(run: &Run) -> Self {
        let asked = run.kwargs.stream_modes.iter().filter_map(|mode| mode.as_str().parse().ok());
        let modes: Modes = asked.filter(|mode| matches!(mode, Mode::Values | Mode::Updates)).collect();
        // Nested graphs have no say in the result.
        Self { fold: Classic::new(run.config(), modes, false), told: Told::default(), links: Map::new() }
    }

    /// Tells these links with what the run comes to, if it ends well.
    pub(crate) fn with_feedback(self, links: Map<String, Value>) -> Self {
        Self { links, ..self }
    }

    /// Takes in what happened next.
    pub(crate) fn see(&mut self, fact: &Fact) {
        for event in self.fold.fold(fact) {
            self.told.hear(event.data);
        }
    }

    /// What the events say; `None` when they say nothing, and the thread has to be asked.
    pub(crate) fn told(self) -> Option<Value> {
        let Self { told, links, .. } = self;
        let ends_well = told.error.is_none();
        let mut result = told.result()?;
        if ends_well
            && !links.is_empty()
            && let Some(said) = result.as_object_mut()
        {
            said.insert("__feedback__".to_owned(), links.into());
        }
        Some(result)
    }
}

impl Told {
    fn hear(&mut self, data: Data) {
        let asks = match &data {
            Data::Values { interrupts, .. } => interrupts.as_ref().is_some_and(|asked| !asked.is_empty()),
            Data::Interrupted(asked) => !asked.is_empty(),
            _ => false,
        };
        match data {
            Data::Error(error) => self.error = Some(error),
            data if asks => self.questions.push(data),
            data @ Data::Values { .. } => self.values = Some(data),
            _ => {}
        }
    }

    fn result(self) -> Option<Value> {
        if let Some(error) = self.error {
            return Some(json!({ "__error__": error }));
        }
        match self.questions.as_slice() {
            [] => self.values.map(|values| values.payload()),
            [question] => Some(question.payload()),
            questions => {
                let all = questions.iter().flat_map(|question| match question {
                    Data::Values { interrupts: Some(asked), .. } | Data::Interrupted(asked) => {
                        asked.as_slice()
                    }
                    _ => &[],
                });
                Some(json!({"__interrupt__": all.collect::<Vec<_>>()}))
            }
        }
    }
}

/// What a thread says of a run whose events say nothing: its error, its open questions, or its state. A run
/// without a thread to ask has no result.
pub(crate) fn result_of_thread(thread: Option<&Thread>) -> Value {
    let nothing = || Value::Object(Map::new());
    let Some(thread) = thread else { return nothing() };
    match (thread.status, &thread.error) {
        (ThreadStatus::Error, Some(error)) => json!({"__error__": Failure::to_json(error)}),
        (ThreadStatus::Interrupted, _) if !thread.interrupts.is_empty() => {
            let asked = thread.interrupts.iter().flat_map(|(_, asked)| asked).map(interrupt_json);
            json!({"__interrupt__": asked.collect::<Vec<_>>()})
        }
        _ => thread.values.as_ref().map_or_else(nothing, |values| json!(values)),
    }
}

#[cfg(test)]
mod tests {
    use eddyline_engine::ids::Timestamp;
    use eddyline_engine::{Interrupt, Object, Shared};
    use uuid::Uuid;

    use super::*;

    fn state(n: u64) -> Object {
        std::iter::once(("n".into(), Shared::from(json!(n)))).collect()
    }

    fn values(n: u64) -> Data {
        Data::Values { values: state(n), interrupts: None }
    }

    fn question(id: &str) -> Interrupt {
        Interrupt { value: Shared::from(json!("ok?")), id: id.into(), response_schema: None }
    }

    fn asking(n: u64, ids: &[&str]) -> Data {
        Data::Values { values: state(n), interrupts: Some(ids.iter().map(|id| question(id)).collect()) }
    }

    fn check(events: Vec<Data>, expected: impl Into<Option<Value>>) {
        let mut told = Told::default();
        for data in events {
            told.hear(data);
        }
        assert_eq!(told.result(), expected.into());
    }

    fn asked(id: &str) -> Value {
        json!({"value": "ok?", "id": id, "response_schema": null})
    }

    #[test]
    fn what_the_events_of_a_run_come_to() {
        let error = || Data::Error(json!({"error": "ValueError", "message": "boom"}));
        let update = || Data::Updates { node: "a".into(), update: json!({"n": 1}), cached: false };
        check(vec![], None);
        check(vec![Data::Metadata(json!({})), update()], None);
        check(vec![values(1), values(2)], Some(json!({"n": 2})));
        check(vec![values(1), asking(2, &["a"])], Some(json!({"n": 2, "__interrupt__": [asked("a")]})));
        check(
            vec![asking(1, &["a"]), asking(1, &["b"]), values(2)],
            Some(json!({"__interrupt__": [asked("a"), asked("b")]})),
        );
        check(vec![Data::Interrupted(vec![question("a")])], Some(json!({"__interrupt__": [asked("a")]})));
        // A breakpoint asks nothing.
        check(vec![values(1), Data::Interrupted(vec![])], Some(json!({"n": 1})));
        let failure = json!({"__error__": {"error": "ValueError", "message": "boom"}});
        check(vec![values(1), asking(2, &["a"]), error()], Some(failure));
    }

    #[test]
    fn what_a_thread_says_when_the_events_say_nothing() {
        assert_eq!(result_of_thread(None), json!({}));
        let mut thread = Thread::new(Uuid::nil(), Map::new(), Timestamp(0));
        assert_eq!(result_of_thread(Some(&thread)), json!({}));
        thread.values = Some(state(1));
        assert_eq!(result_of_thread(Some(&thread)), json!({"n": 1}));
        thread.status = ThreadStatus::Interrupted;
        assert_eq!(result_of_thread(Some(&thread)), json!({"n": 1}), "a breakpoint asks nothing");
        thread.interrupts = vec![(Uuid::nil(), vec![question("a")]), (Uuid::max(), vec![question("b")])];
        let asked = json!([{"id": "a", "value": "ok?"}, {"id": "b", "value": "ok?"}]);
        assert_eq!(result_of_thread(Some(&thread)), json!({ "__interrupt__": asked }));
        thread.status = ThreadStatus::Error;
        thread.error = Some(Failure { class: "OSError".into(), message: "/etc".into(), visible: false });
        let masked = json!({"error": "OSError", "message": "An internal error occurred"});
        assert_eq!(result_of_thread(Some(&thread)), json!({ "__error__": masked }));
    }
}
