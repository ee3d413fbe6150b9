//! One graph level, superstep after superstep.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::saver::Saver;
use super::superstep::StepEnd;
use super::{Call, LevelEnd, LevelEnv, RunInput};
use crate::checkpoint::{Metadata, NewCheckpoint, Outcome, Parents, PendingWrite, Source};
use crate::command::Interrupt;
use crate::config::{Breakpoints, RunConfig};
use crate::error::RunError;
use crate::fact::{Body, CheckpointFact, Fact};
use crate::graph::program::{ChannelIx, NodeIx, Program};
use crate::graph::{Graph, Persistence};
use crate::host::Host;
use crate::node::{Pulse, ResumeOnce};
use crate::pregel::{Cells, Planned, Planner, WriteList};
use crate::value::{Key, Object};

/// A graph that runs: its state, where it stands, and what surrounds it.
pub(super) struct Level {
    pub(super) graph: Graph,
    pub(super) config: Arc<RunConfig>,
    pub(super) host: Arc<dyn Host>,
    pub(super) ns: Key,
    pub(super) parents: Parents,
    pub(super) around: Around,
    pub(super) saver: Saver,
    /// What is stored with every checkpoint of this level.
    stored_metadata: Arc<Map<String, Value>>,
    pub(super) output_keys: Vec<ChannelIx>,
    pub(super) output_names: Arc<[Key]>,
    pub(super) cells: Arc<Cells>,
    /// The step that the next checkpoint gets.
    pub(super) step: i64,
    pub(super) stop: i64,
    /// The newest checkpoint; a placeholder before there is one.
    pub(super) head: Uuid,
    /// The checkpoint that the next one follows.
    pub(super) parent: Option<Uuid>,
    /// The writes stored on the head when it was loaded.
    pub(super) pending: Vec<PendingWrite>,
    pub(super) resume: Arc<ResumeOnce>,
    pub(super) resume_map: Option<Arc<Map<String, Value>>>,
    /// Where a command that is the input goes beside the graph's entry.
    pub(super) entry_control: WriteList,
    /// Told to nested graphs in the first superstep.
    pub(super) resuming: Option<bool>,
    pub(super) replay_before: Option<Uuid>,
    /// Stored writes of finished tasks are not taken back.
    pub(super) replaying: bool,
    /// The facts of the end went out with the last commit.
    told_end: bool,
}

/// What the graph around this one says; at the root only what one elsewhere does.
#[derive(Default)]
pub(super) struct Around {
    pub(super) resume: Option<Arc<ResumeOnce>>,
    pub(super) resume_map: Option<Arc<Map<String, Value>>>,
    pub(super) resuming: Option<bool>,
    pub(super) replay_before: Option<Uuid>,
    /// The task that runs this graph, and those around it.
    pub(super) pulse: Option<Arc<Pulse>>,
}

/// Whether and how to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    Done,
    Paused,
    OutOfSteps,
}

impl Verdict {
    fn outcome(self) -> Outcome {
        match self {
            Self::Go => Outcome::Continue,
            Self::Done => Outcome::Done,
            Self::Paused => Outcome::Interrupted,
            Self::OutOfSteps => Outcome::OutOfSteps,
        }
    }
}

impl Level {
    pub(super) fn root(graph: Graph, config: Arc<RunConfig>, host: Arc<dyn Host>) -> Self {
        let stored = config.stored_metadata.clone();
        let keeps = config.checkpoints;
        let answers = config.resumed_from_outside.clone();
        let around =
            Around { resuming: answers.is_some().then_some(true), resume_map: answers, ..Around::default() };
        Self::new(graph, config, host, "".into(), Parents::default(), around, stored, keeps)
    }

    pub(super) fn nested(call: Call) -> (Self, RunInput) {
        let ns = call.ns();
        let Call { graph, input, level, task, retry, pulse, .. } = call;
        let mut parents = (*level.parents).clone();
        parents.push((level.ns.clone(), level.checkpoint_id));
        let around = Around {
            resume: Some(level.resume.clone()),
            resume_map: level.resume_map.clone(),
            resuming: if retry { Some(true) } else { level.resuming },
            replay_before: level.replay_before,
            pulse: Some(pulse),
        };
        let keeps = level.keeps && graph.0.persistence != Persistence::Never;
        let mut stored = (*level.config.stored_metadata).clone();
        stored.insert("checkpoint_map".into(), super::notes::parents_json(&parents));
        stored.extend(super::notes::task_metadata(&task));
        stored.insert("checkpoint_ns".into(), super::notes::first_level(&task.ns).into());
        let (config, host) = (level.config.clone(), level.host.clone());
        (Self::new(graph, config, host, ns, Arc::new(parents), around, Arc::new(stored), keeps), input)
    }

    #[expect(clippy::too_many_arguments, reason = "the two constructors above name them all")]
    fn new(
        graph: Graph,
        config: Arc<RunConfig>,
        host: Arc<dyn Host>,
        ns: Key,
        parents: Parents,
        around: Around,
        stored_metadata: Arc<Map<String, Value>>,
        keeps: bool,
    ) -> Self {
        let program = &graph.0;
        let whole = config.whole_output && ns.is_empty();
        let output_keys = if whole { program.state_keys.clone() } else { program.output_keys.clone() };
        Self {
            output_names: output_keys.iter().map(|ix| program.channel_name(*ix).clone()).collect(),
            output_keys,
            cells: Arc::new(Cells::empty(program)),
            saver: Saver::new(host.clone(), config.run_id, ns.clone(), keeps.then_some(config.durability)),
            step: -1,
            stop: 0,
            head: Uuid::nil(),
            parent: None,
            pending: Vec::new(),
            resume: Arc::new(ResumeOnce::new(None, Vec::new(), around.resume.clone())),
            resume_map: around.resume_map.clone(),
            entry_control: Vec::new(),
            resuming: None,
            replay_before: None,
            replaying: false,
            told_end: false,
            graph,
            config,
            host,
            ns,
            parents,
            around,
            stored_metadata,
        }
    }

    pub(super) fn program(&self) -> &Program {
        &self.graph.0
    }

    fn is_root(&self) -> bool {
        self.ns.is_empty()
    }

    /// Runs the graph and stores how it ended.
    pub(super) async fn run(mut self, input: RunInput) -> LevelEnd {
        let name = match self.graph.name() {
            Some(name) => name.into(),
            None if self.is_root() => self.config.graph_name.clone(),
            None => "LangGraph".into(),
        };
        let shown = match &input {
            RunInput::Nothing => crate::value::Shared::null(),
            RunInput::Value(value) => value.clone(),
            RunInput::Command(command) => command.to_json().into(),
        };
        self.tell(|| Body::GraphStarted { name, input: shown }).await;
        let mut end = self.supersteps(input).await.unwrap_or_else(LevelEnd::failed);
        let ended = matches!(end.outcome, Outcome::Done)
            || (self.is_root() && matches!(end.outcome, Outcome::Interrupted));
        let output = || Body::GraphFinished { output: end.values.clone() };
        let last = if ended && end.command.is_none() && !self.told_end { self.fact(output) } else { None };
        if let Err(error) =
            self.saver.finish(self.head, end.outcome.clone(), last.into_iter().collect()).await
        {
            end = LevelEnd::failed(error);
        }
        end
    }

    async fn supersteps(&mut self, input: RunInput) -> Result<LevelEnd, RunError> {
        let (mut tasks, mut verdict) = self.enter(input).await?;
        while verdict == Verdict::Go {
            if let Some(reason) = self.host.draining() {
                return Err(RunError::Drained { reason });
            }
            (tasks, verdict) = match self.superstep(tasks).await? {
                StepEnd::Next(tasks, verdict) => (tasks, verdict),
                StepEnd::Waiting(interrupts, values) => return Ok(self.interrupted(interrupts, values)),
                StepEnd::Command(command) => {
                    return Ok(LevelEnd { command: Some(command), ..self.end(Outcome::Continue) });
                }
            };
        }
        match verdict {
            Verdict::OutOfSteps => Err(RunError::Recursion { limit: self.config.recursion_limit }),
            Verdict::Paused => {
                if !self.told_end {
                    self.tell(|| Body::Paused).await;
                }
                Ok(self.interrupted(Vec::new(), self.output()))
            }
            Verdict::Done | Verdict::Go => Ok(self.end(Outcome::Done)),
        }
    }

    fn end(&self, outcome: Outcome) -> LevelEnd {
        LevelEnd { outcome, values: self.output(), interrupts: Vec::new(), error: None, command: None }
    }

    fn interrupted(&self, interrupts: Vec<Interrupt>, values: Object) -> LevelEnd {
        LevelEnd { values, interrupts, ..self.end(Outcome::Interrupted) }
    }

    /// The output keys as they stand.
    pub(super) fn output(&self) -> Object {
        self.cells.read(self.program(), &self.output_keys)
    }

    pub(super) fn planner(&self) -> Planner<'_> {
        Planner {
            program: self.program(),
            ns: &self.ns,
            checkpoint: self.head,
            step: self.step,
            stop: self.stop,
        }
    }

    /// Makes a checkpoint of the cells, with the writes that led to it, and plans what follows. Listeners are told of
    /// it, and of the values if they are `changed`.
    ///
    /// The commit says how things stand after it, so planning comes first.
    pub(super) async fn advance(
        &mut self,
        source: Source,
        writes: Vec<PendingWrite>,
        ran: &[NodeIx],
        changed: bool,
    ) -> Result<(Vec<Planned>, Verdict), RunError> {
        self.cells.check(self.program(), self.host.max_tasks(), self.host.max_state_bytes())?;
        let base = std::mem::replace(&mut self.head, self.host.new_checkpoint_id(self.step));
        let step = self.step;
        self.step += 1;
        self.pending.clear();
        if source != Source::Fork {
            // An answer is for the questions that were open when it came, and not for those who ask later.
            self.resume = Arc::new(ResumeOnce::new(None, Vec::new(), self.around.resume.clone()));
        }
        let tasks = self.planner().plan(&self.cells, false);
        let verdict = self.judge(&tasks, ran);
        let mut facts = Vec::new();
        if changed {
            facts.extend(self.fact(|| Body::Values(self.output())));
        }
        let mut new = None;
        if self.saver.keeps() {
            let metadata = self.metadata(source, step);
            let checkpoint = Arc::new(self.cells.checkpoint(self.program(), self.head, self.host.now()));
            let parent = self.parent.replace(self.head);
            let shown = self.show(&tasks, &metadata, parent, false);
            facts.extend(shown.clone().and_then(|shown| self.fact(|| Body::Checkpoint(shown))));
            new = Some(NewCheckpoint { checkpoint, metadata, parent, shown });
        }
        let pauses = (verdict == Verdict::Paused).then_some(Body::Paused);
        if pauses.is_some() || verdict == Verdict::Done {
            facts.extend(self.end_facts(pauses, self.output()));
        }
        // Only the root knows that a run is over; a level within it merely ends.
        self.saver.save(base, writes, new, verdict.outcome(), facts).await?;
        Ok((tasks, verdict))
    }

    /// What listeners are told last of a run, if that goes with the commit which is made now: the last one of the
    /// root, unless that is held back.
    pub(super) fn end_facts(&mut self, pauses: Option<Body>, output: Object) -> Vec<Fact> {
        if !self.is_root() || !self.saver.is_prompt() {
            return Vec::new();
        }
        self.told_end = true;
        let bodies = pauses.into_iter().chain([Body::GraphFinished { output }]);
        bodies.filter_map(|body| self.fact(|| body)).collect()
    }

    pub(super) fn metadata(&self, source: Source, step: i64) -> Metadata {
        Metadata { extra: self.stored_metadata.clone(), source, step, parents: self.parents.clone() }
    }

    pub(super) fn judge(&self, tasks: &[Planned], ran: &[NodeIx]) -> Verdict {
        let config = &self.config;
        let run_level = |level: &Option<Breakpoints>| level.clone().filter(|_| self.is_root());
        let after = run_level(&config.interrupt_after);
        let before = run_level(&config.interrupt_before);
        if self.pauses(after.as_ref().unwrap_or(&self.program().interrupt_after), ran.iter().copied()) {
            return Verdict::Paused;
        }
        if self.step > self.stop {
            return Verdict::OutOfSteps;
        }
        if tasks.is_empty() {
            return Verdict::Done;
        }
        let next = tasks.iter().map(|task| task.node);
        if self.pauses(before.as_ref().unwrap_or(&self.program().interrupt_before), next) {
            return Verdict::Paused;
        }
        Verdict::Go
    }

    /// A breakpoint holds once: only if something happened since the last resume.
    fn pauses(&self, breakpoints: &Breakpoints, nodes: impl Iterator<Item = NodeIx>) -> bool {
        if *breakpoints == Breakpoints::Never {
            return false;
        }
        let mut nodes = nodes.map(|node| &self.program().nodes[node]).filter(|node| !node.hidden);
        nodes.any(|node| breakpoints.includes(&node.name)) && self.cells.moved_since_resume()
    }

    /// The newest checkpoint and the tasks that it leads to, as listeners are told of them, if there are any.
    fn show(
        &self,
        tasks: &[Planned],
        metadata: &Metadata,
        parent: Option<Uuid>,
        loaded: bool,
    ) -> Option<Arc<CheckpointFact>> {
        let tasks = || tasks.iter().map(|task| super::note(self.program(), &self.ns, task, &self.pending));
        (self.saver.keeps() && self.host.interest().facts).then(|| {
            Arc::new(CheckpointFact {
                id: self.head,
                parent,
                loaded,
                metadata: metadata.clone(),
                values: self.cells.read(self.program(), &self.program().state_keys),
                tasks: tasks().collect(),
            })
        })
    }

    /// Tells listeners of the checkpoint that was loaded, and of the tasks that it leads to.
    pub(super) async fn tell_loaded(&self, tasks: &[Planned], metadata: &Metadata, parent: Option<Uuid>) {
        if let Some(shown) = self.show(tasks, metadata, parent, true) {
            self.tell(|| Body::Checkpoint(shown)).await;
        }
    }

    /// Tells listeners something, if there are any.
    pub(super) async fn tell(&self, body: impl FnOnce() -> Body) {
        if let Some(fact) = self.fact(body) {
            self.host.emit(fact).await;
        }
    }

    /// What to tell listeners, if there are any.
    pub(super) fn fact(&self, body: impl FnOnce() -> Body) -> Option<Fact> {
        let wanted = self.host.interest().facts;
        wanted.then(|| Fact { ns: self.ns.clone(), at: self.host.now(), body: body() })
    }

    /// A nested graph that goes on is a sign of life of the tasks around it.
    pub(super) fn pulse(&self) {
        if let Some(pulse) = &self.around.pulse {
            pulse.beat(&*self.host);
        }
    }

    /// What the tasks of the next superstep share.
    pub(super) fn env(&mut self) -> Arc<LevelEnv> {
        Arc::new(LevelEnv {
            host: self.host.clone(),
            config: self.config.clone(),
            ns: self.ns.clone(),
            checkpoint_id: self.head,
            parents: self.parents.clone(),
            stop: self.stop,
            resume: self.resume.clone(),
            resume_map: self.resume_map.clone(),
            resuming: self.resuming.take(),
            replay_before: self.replay_before.take(),
            keeps: self.saver.keeps(),
            pulse: self.around.pulse.clone(),
        })
    }
}
