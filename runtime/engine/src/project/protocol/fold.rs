//! The fold: facts of all runs of a thread in, events of all channels out.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::graphs::{End, Graphs, ended, of_run};
use super::messages::Calls;
use super::{Channel, Event, Name, Place, payload, tools};
use crate::fact::{Body, CheckpointFact, Fact, Failure, ModelCall, TaskEnd, ToolRun};
use crate::ids::Timestamp;
use crate::project::classic::levels;
use crate::value::{Key, Object};

/// Folds the facts of a thread to the events of the streaming protocol.
///
/// Facts have to be told in order, those of each run from its first one on. Of a run whose beginning is lost, events
/// are told that need no beginning; they are the same as those that a fold from the beginning makes.
#[derive(Default)]
pub struct Protocol {
    run: Option<RunFold>,
}

/// What is known of the run that is told.
struct RunFold {
    run_id: Uuid,
    graph: Option<Key>,
    graphs: Graphs,
    calls: Calls,
    /// Values that wait for the checkpoint that holds them, which is the next thing that their graph tells.
    held: HashMap<Key, Object>,
    /// What is asked, until the run waits for the answers.
    asked: Vec<(Vec<Key>, String, Value)>,
}

impl RunFold {
    fn new(run_id: Uuid) -> Self {
        Self {
            run_id,
            graph: None,
            graphs: Graphs::default(),
            calls: Calls::default(),
            held: HashMap::new(),
            asked: Vec::new(),
        }
    }
}

impl Protocol {
    /// A fold that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What clients see of `fact`, which happened in `run_id`.
    pub fn fold(&mut self, run_id: Uuid, fact: &Fact) -> Vec<Event> {
        if run_id.is_nil() {
            // What is changed by hand is told by the states that follow from it.
            return Vec::new();
        }
        let run = match self.run.take() {
            Some(run) if run.run_id == run_id => run,
            _ => RunFold::new(run_id),
        };
        let mut telling = Telling { run, fact, out: Vec::new(), early: 0, late: 0, is_early: false };
        telling.tell();
        let Telling { run, out, .. } = telling;
        self.run = Some(run);
        out
    }

    /// What is known of runs so far is worth nothing any more: facts were lost.
    pub fn lost(&mut self) {
        self.run = None;
    }
}

/// One fact on its way through the fold.
struct Telling<'a> {
    run: RunFold,
    fact: &'a Fact,
    out: Vec<Event>,
    /// How many events have a place of one kind and of the other.
    early: u64,
    late: u64,
    /// True while events are told that follow from what was told before.
    is_early: bool,
}

impl Telling<'_> {
    fn tell(&mut self) {
        if !matches!(self.fact.body, Body::Checkpoint(_)) {
            self.early(Self::release_values);
        }
        match &self.fact.body {
            Body::RunStarted { graph, answers, .. } => self.run_starts(graph, answers),
            Body::RunEnded { failure, cancelled } => self.run_ends(failure.as_ref(), *cancelled),
            Body::GraphStarted { .. } => self.graph_starts(),
            Body::GraphFinished { .. } => {
                if self.run.graphs.complete(&self.fact.ns) {
                    self.early(|told| told.graph_ends(&told.fact.ns, End::Completed, None));
                }
            }
            Body::Values(values) => {
                self.run.held.insert(self.fact.ns.clone(), values.clone());
            }
            Body::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
            Body::TaskStarted(task) => {
                self.run.graphs.task_starts(task);
                self.push(Channel::Tasks, payload::task(task));
            }
            Body::TaskRestored(end) => self.updates(end),
            Body::TaskFinished(end) => self.task_ends(end),
            Body::Custom { task, value } => {
                self.push_of(Channel::Custom, Some(&task.name), payload::custom(value.json()));
            }
            Body::ModelStarted { call, .. } => self.run.calls.begin(call),
            Body::Chunk { call, chunk } => {
                let events = self.run.calls.chunk(call, chunk);
                self.messages(call, events);
            }
            Body::ModelFinished { call, message, .. } => {
                let events = self.run.calls.end(call, message);
                self.messages(call, events);
            }
            Body::ToolStarted { call, input } => self.tool(call, tools::started(call, input)),
            Body::ToolDelta { call, delta } => self.tool(call, tools::delta(call, delta)),
            Body::ToolFailed { call, failure } => self.tool(call, tools::failed(call, failure)),
            Body::ToolFinished { call, output } => {
                self.tool(call, tools::finished(call, output));
                let mut ns = levels(&self.fact.ns);
                ns.push(tools::level(call));
                for event in tools::message(call, output) {
                    let node = Some(&call.task.name);
                    self.event(Channel::Messages, "messages", ns.clone(), node, None, event);
                }
            }
            Body::Branch { .. } | Body::Message { .. } | Body::Paused | Body::StateUpdated { .. } => {}
        }
    }

    fn run_starts(&mut self, graph: &Key, answers: &[Key]) {
        self.run.graphs.begin_again();
        self.run.calls = Calls::default();
        self.run.asked.clear();
        // A further attempt is the same run: it goes on running.
        if self.run.graph.replace(graph.clone()).is_some() {
            return;
        }
        self.of_run("running", None);
        if !answers.is_empty() {
            let name = Name::new(self.run.run_id, "answered", &[], "");
            let data = payload::answered(answers);
            self.event(Channel::Input, "input.answered", Vec::new(), None, Some(name), data);
        }
    }

    fn run_ends(&mut self, failure: Option<&Failure>, cancelled: bool) {
        let error = failure.map(payload::text);
        let asked = std::mem::take(&mut self.run.asked);
        let end = match failure {
            Some(_) => End::Failed,
            None if cancelled || !asked.is_empty() => End::Interrupted,
            None => End::Completed,
        };
        self.early(|told| {
            told.break_off(None, error.as_deref());
            if failure.is_none() && !cancelled {
                told.ask(asked);
            }
            for (ns, end) in told.run.graphs.run_ends(end) {
                told.graph_ends(&ns, end, error.as_deref());
            }
        });
        self.of_run(end.as_str(), error.as_deref());
    }

    /// Tells what follows from what was told before.
    fn early(&mut self, tell: impl FnOnce(&mut Self)) {
        self.is_early = true;
        tell(self);
        self.is_early = false;
    }

    fn ask(&mut self, questions: Vec<(Vec<Key>, String, Value)>) {
        for (ns, id, value) in questions {
            let name = Name::new(self.run.run_id, "input", &ns, &id);
            let data = payload::question(&id, &value);
            self.event(Channel::Input, "input.requested", ns, None, Some(name), data);
        }
    }

    /// Answers of models that come to no end: those of a task, or all of them.
    fn break_off(&mut self, task: Option<Uuid>, error: Option<&str>) {
        let why = error.unwrap_or("the answer was broken off");
        for (call, event) in self.run.calls.break_off(task, why) {
            self.messages(&call, vec![event]);
        }
    }

    /// How the run stands.
    fn of_run(&mut self, status: &str, error: Option<&str>) {
        let mut data = json!({ "event": status });
        if let Some(graph) = &self.run.graph {
            data["graph_name"] = (**graph).into();
        }
        if let Some(error) = error {
            data["error"] = error.into();
        }
        let name = of_run(self.run.run_id, &[], status);
        self.event(Channel::Lifecycle, "lifecycle", Vec::new(), None, Some(name), data);
    }

    fn graph_starts(&mut self) {
        if self.fact.ns.is_empty() {
            return;
        }
        if let Some(data) = self.run.graphs.begin(&self.fact.ns) {
            self.push(Channel::Lifecycle, data);
        }
    }

    fn graph_ends(&mut self, ns: &Key, end: End, error: Option<&str>) {
        let (ns, data) = ended(ns, end, error);
        let name = of_run(self.run.run_id, &ns, end.as_str());
        self.event(Channel::Lifecycle, "lifecycle", ns, None, Some(name), data);
    }

    fn checkpoint(&mut self, checkpoint: &CheckpointFact) {
        // One that was loaded was told when it was made.
        if !checkpoint.loaded {
            let ns = levels(&self.fact.ns);
            let name = Name::new(self.run.run_id, "checkpoint", &ns, &checkpoint.id.to_string());
            let data = payload::checkpoint(checkpoint);
            self.event(Channel::Checkpoints, "checkpoints", ns, None, Some(name), data);
        }
        self.release_values();
    }

    /// Tells what waited for a checkpoint of this graph.
    fn release_values(&mut self) {
        if let Some(values) = self.run.held.remove(&self.fact.ns) {
            self.values(&values);
        }
    }

    fn values(&mut self, values: &Object) {
        if let Some(data) = payload::values(values) {
            self.push(Channel::Values, data);
        }
    }

    fn updates(&mut self, end: &TaskEnd) {
        self.push_of(Channel::Updates, Some(&end.task.name), payload::updates(end));
    }

    fn task_ends(&mut self, end: &Arc<TaskEnd>) {
        if let Some((interrupts, values)) = &end.waiting {
            self.run.graphs.task_waits(&end.task);
            self.values(values);
            let ns = levels(&self.fact.ns);
            for interrupt in interrupts {
                // What a nested graph asks, its task asks again.
                if !self.run.asked.iter().any(|(_, id, _)| *id == interrupt.id) {
                    self.run.asked.push((ns.clone(), interrupt.id.clone(), interrupt.value.json().clone()));
                }
            }
        } else {
            let error = end.failure.as_ref().map(payload::text);
            let graph_end = if error.is_some() { End::Failed } else { End::Completed };
            self.early(|told| {
                told.break_off(Some(end.task.id), error.as_deref());
                for ns in told.run.graphs.task_ends(&end.task) {
                    told.graph_ends(&ns, graph_end, error.as_deref());
                }
            });
            if end.updates {
                self.updates(end);
            }
        }
        self.push(Channel::Tasks, payload::task_result(end));
    }

    fn tool(&mut self, call: &ToolRun, data: Value) {
        self.push_of(Channel::Tools, Some(&call.task.name), data);
    }

    fn messages(&mut self, call: &ModelCall, events: Vec<Value>) {
        let graph = call.task.ns.rsplit_once(crate::ids::NS_SEPARATOR).map_or("", |(graph, _)| graph);
        for event in events {
            let ns = levels(graph);
            self.event(Channel::Messages, "messages", ns, Some(&call.task.name), None, event);
        }
    }

    fn push(&mut self, channel: Channel, data: Value) {
        self.push_of(channel, None, data);
    }

    fn push_of(&mut self, channel: Channel, node: Option<&Key>, data: Value) {
        let ns = levels(&self.fact.ns);
        self.event(channel, channel.as_str(), ns, node, None, data);
    }

    fn event(
        &mut self,
        channel: Channel,
        method: &'static str,
        ns: Vec<Key>,
        node: Option<&Key>,
        name: Option<Name>,
        data: Value,
    ) {
        let at: Timestamp = self.fact.at;
        let (count, place): (_, fn(u64) -> Place) =
            if self.is_early { (&mut self.early, Place::early) } else { (&mut self.late, Place::late) };
        let place = place(*count);
        *count += 1;
        self.out.push(Event { channel, method, ns, at, node: node.cloned(), place, name, data });
    }
}
