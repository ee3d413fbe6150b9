//! How a graph level begins: what it finds stored, and what input, answers and commands make of it.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::RunInput;
use super::level::{Level, Verdict};
use super::notes::interrupts_of;
use crate::checkpoint::{Metadata, Outcome, PendingWrite, Saved, Source};
use crate::command::{AnyCommand, Goto, answers_by_id};
use crate::error::RunError;
use crate::fact::{Body, TaskPath};
use crate::graph::names::SENDS;
use crate::host::Which;
use crate::ids::NULL_TASK;
use crate::node::ResumeOnce;
use crate::pregel::{Cells, Planned, TaskWrites, WriteList, apply, reserved};
use crate::value::{Key, Shared};

/// How a level goes on from what it found stored.
struct Stance {
    resuming: bool,
    time_travel: bool,
    forks: bool,
    superseded: bool,
    /// Nodes at which the checkpoint waits and that the graph does not have any more.
    missing: Vec<Key>,
    /// Metadata and parent of the checkpoint that was loaded.
    loaded: Option<(Metadata, Option<Uuid>)>,
}

impl Level {
    /// Loads, takes the input in, and plans the first tasks.
    pub(super) async fn enter(&mut self, input: RunInput) -> Result<(Vec<Planned>, Verdict), RunError> {
        if self.config.recursion_limit < 1 {
            return Err(RunError::value_error("recursion_limit must be at least 1"));
        }
        let mut input = input;
        let stance = self.load(&mut input).await?;
        let limit = i64::try_from(self.config.recursion_limit).unwrap_or(i64::MAX / 2);
        self.stop = self.step + limit + 1;
        if let Some(node) = stance.missing.first().filter(|_| goes_on(&input)) {
            return Err(RunError::NodeGone { node: node.clone() });
        }
        let command = match &input {
            RunInput::Command(command) => self.command(command, &stance).await?,
            RunInput::Nothing | RunInput::Value(_) => Vec::new(),
        };
        self.apply_null_writes(&command)?;
        if stance.resuming {
            return self.resume(stance).await;
        }
        match input {
            RunInput::Value(value) => self.begin(value).await,
            // A command to an empty thread is applied above and is then the input, as in LangGraph.
            RunInput::Command(AnyCommand { update, goto, .. }) => {
                let update = update.unwrap_or_default();
                self.entry_control = self.control(&goto);
                self.begin(update.into_iter().collect::<crate::value::Object>().into()).await
            }
            RunInput::Nothing => Err(RunError::empty_input("Received no input for __start__")),
        }
    }

    /// Takes over what is stored. An earlier attempt at this very run may have taken the command in: what it made
    /// of it stands, and the command is nothing then.
    async fn load(&mut self, input: &mut RunInput) -> Result<Stance, RunError> {
        let root = self.ns.is_empty();
        let mapped = self.config.checkpoint_map.iter().find(|(ns, _)| *ns == self.ns).map(|(_, id)| *id);
        let addressed = if root { self.config.checkpoint_id.or(mapped) } else { mapped };
        let which = match (addressed, self.around.replay_before) {
            (Some(id), _) => Which::Id(id),
            (None, Some(before)) => Which::Before(before),
            (None, None) => Which::Newest,
        };
        let saved = if self.saver.keeps() { self.host.load(self.ns.clone(), which).await? } else { None };
        let superseded = match (&saved, which) {
            (_, Which::Newest) | (None, _) => false,
            (Some(saved), _) => {
                let newest = self.host.load(self.ns.clone(), Which::Newest).await?;
                newest.is_some_and(|newest| newest.checkpoint.id != saved.checkpoint.id)
            }
        };
        self.parent = addressed;
        let loaded = saved.as_ref().map(|saved| (saved.metadata.clone(), saved.parent));
        let missing = saved.as_ref().map(|saved| Cells::missing_nodes(self.program(), &saved.checkpoint));
        let same_run = self.take(saved);
        if root && same_run && matches!(input, RunInput::Command(_)) {
            *input = RunInput::Nothing;
        }
        let is_addressed = which != Which::Newest;
        let told = self.around.resuming;
        let by_itself = match input {
            RunInput::Nothing | RunInput::Command(_) => true,
            RunInput::Value(_) => root && same_run,
        };
        let resuming = self.cells.is_used() && told.unwrap_or(by_itself);
        let answers = matches!(&*input, RunInput::Command(command) if command.resume.is_some());
        let own_ns_mapped = !root && mapped.is_some();
        let time_travel = is_addressed && (own_ns_mapped || !(answers || told == Some(true)));
        let made_by_hand = loaded
            .as_ref()
            .is_some_and(|(metadata, _)| matches!(metadata.source, Source::Update | Source::Fork));
        let forks = resuming && time_travel && (!made_by_hand || superseded);
        if time_travel {
            self.pending.retain(|row| &*row.channel != reserved::RESUME);
        }
        self.replaying = time_travel || superseded;
        let missing = missing.filter(|_| resuming).unwrap_or_default();
        Ok(Stance { resuming, time_travel, forks, superseded, missing, loaded })
    }

    /// Takes a stored checkpoint over; true when this very run stored it.
    fn take(&mut self, saved: Option<Saved>) -> bool {
        let Some(saved) = saved else {
            self.head = self.host.new_checkpoint_id(-2);
            return false;
        };
        let Saved { checkpoint, metadata, mut writes, .. } = saved;
        let cells = Cells::restore(self.program(), &checkpoint);
        for row in &mut writes {
            row.value = cells.settle(self.program(), &row.channel, row.value.clone());
        }
        self.cells = Arc::new(cells);
        self.step = metadata.step + 1;
        self.head = checkpoint.id;
        self.parent = Some(checkpoint.id);
        self.saver.start_from(Some(checkpoint.id));
        self.pending = writes;
        let run = metadata.extra.get("run_id").and_then(Value::as_str);
        self.config.retry && run == Some(&*self.config.run_id.to_string())
    }

    /// What a command writes under the null task, in order; stored on the head unless it forks.
    async fn command(&mut self, command: &AnyCommand, stance: &Stance) -> Result<WriteList, RunError> {
        if command.parent {
            return Err(RunError::NoParent);
        }
        if command.is_empty() {
            return Err(RunError::empty_input("Received empty Command input"));
        }
        let mut writes: WriteList = Vec::new();
        writes.extend(self.control(&command.goto));
        if let Some(answer) = &command.resume
            && let Some(answer) = self.answer(answer, stance.superseded)?
        {
            writes.push((reserved::RESUME.into(), answer));
            writes.push((reserved::ANSWERS.into(), json!(self.config.answers).into()));
        }
        let known = command.update.iter().flatten().filter(|(key, _)| self.program().is_key(key));
        writes.extend(known.cloned());
        let rows = self.null_rows(&writes);
        if !stance.forks && self.cells.is_used() {
            self.saver.save(self.head, rows.clone(), None, Outcome::Continue, Vec::new()).await?;
        }
        self.pending.retain(|row| row.task != NULL_TASK);
        self.pending.extend(rows);
        Ok(writes)
    }

    /// The writes that go where a command points.
    fn control(&self, goto: &[Goto]) -> WriteList {
        let write = |goto: &Goto| match goto {
            Goto::Send(send) => (SENDS.into(), send.clone().into()),
            Goto::Node(name) => (self.program().route_to(name), Value::from(crate::command::START).into()),
        };
        goto.iter().map(write).collect()
    }

    /// A map of answers goes to the tasks that it names; any other answer goes to whoever asks first.
    fn answer(&mut self, answer: &Shared, superseded: bool) -> Result<Option<Shared>, RunError> {
        if !self.saver.keeps() {
            return Err(RunError::runtime_error("Cannot use Command(resume=...) without checkpointer"));
        }
        let open = self.open_interrupts();
        // An attempt before this one may have answered some.
        let strict = self.config.strict_resume && self.ns.is_empty() && !superseded && !self.config.retry;
        let mut gone = self.config.answers.iter().filter(|asked| !superseded && !open.contains(asked));
        let Some(map) = answers_by_id(answer.json()) else {
            if let Some(first) = gone.next()
                && gone.count() + 1 == self.config.answers.len()
                && !(self.config.retry && self.has_stored(answer))
            {
                return Err(unknown_interrupt(first));
            }
            if open.len() > 1 {
                let class = if strict { "UnknownInterruptError" } else { "RuntimeError" };
                return Err(RunError::Invalid { class, message: AMBIGUOUS.to_owned() });
            }
            return Ok(Some(answer.clone()));
        };
        if strict {
            if map.is_empty() {
                return Err(RunError::UnknownInterrupt {
                    message: "The resume map names no interrupt".into(),
                });
            }
            if let Some(unknown) = map.keys().filter(|id| !open.contains(id)).min() {
                return Err(unknown_interrupt(unknown));
            }
        }
        if let Some(gone) = gone.filter(|id| !self.config.retry && map.contains_key(*id)).min() {
            return Err(unknown_interrupt(gone));
        }
        self.resume_map = Some(Arc::new(map.clone()));
        Ok(None)
    }

    /// True when the answer stands on the head already, where an attempt before this one put it.
    fn has_stored(&self, answer: &Shared) -> bool {
        let mut rows = self.pending.iter().filter(|row| row.task == NULL_TASK);
        rows.any(|row| &*row.channel == reserved::RESUME && row.value == *answer)
    }

    /// The ids of the questions that wait on the head.
    fn open_interrupts(&self) -> Vec<String> {
        let finished =
            |task: Uuid| self.pending.iter().any(|row| row.task == task && !reserved::is_fate(&row.channel));
        let rows =
            self.pending.iter().filter(|row| &*row.channel == reserved::INTERRUPT && !finished(row.task));
        let mut ids: Vec<String> =
            rows.flat_map(|row| interrupts_of(&row.value)).map(|interrupt| interrupt.id).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The rows of the null task with `writes` added: ordinary ones after those that were there, unless an earlier
    /// attempt added them.
    fn null_rows(&self, writes: &WriteList) -> Vec<PendingWrite> {
        let before = self.pending.iter().filter(|row| row.task == NULL_TASK && row.index >= 0);
        let mut rows: Vec<PendingWrite> = before.cloned().collect();
        let path: Key = TaskPath::Input.text().into();
        let row = |index: i32, (channel, value): &(Key, Shared)| PendingWrite {
            task: NULL_TASK,
            index,
            channel: channel.clone(),
            value: value.clone(),
            path: path.clone(),
        };
        let (special, ordinary): (Vec<_>, Vec<_>) =
            writes.iter().partition(|(channel, _)| reserved::slot(channel).is_some());
        let there = rows.iter().rev().zip(ordinary.iter().rev());
        let is_there = self.config.retry
            && rows.len() >= ordinary.len()
            && there
                .into_iter()
                .all(|(row, (channel, value))| row.channel == *channel && row.value == *value);
        for write in ordinary.into_iter().filter(|_| !is_there) {
            rows.push(row(i32::try_from(rows.len()).unwrap_or(i32::MAX), write));
        }
        rows.extend(special.iter().map(|write| row(reserved::slot(&write.0).unwrap_or(-1), write)));
        rows
    }

    /// Applies what stands under the null task, stored or just commanded, and keeps its answer.
    fn apply_null_writes(&mut self, command: &WriteList) -> Result<(), RunError> {
        let rows = self.pending.iter().filter(|row| row.task == NULL_TASK);
        let stored: WriteList = rows.map(|row| (row.channel.clone(), row.value.clone())).collect();
        let writes = if stored.is_empty() { command.clone() } else { stored };
        let of = |name| writes.iter().find(|(channel, _)| &**channel == name).map(|(_, value)| value.clone());
        // It may have been given to an earlier run, and be for a question that has it already.
        let answers: Vec<String> = of(reserved::ANSWERS).and_then(|ids| ids.read().ok()).unwrap_or_default();
        let around = self.around.resume.clone();
        self.resume = Arc::new(ResumeOnce::new(of(reserved::RESUME), answers, around));
        if writes.iter().any(|(channel, _)| !reserved::is_reserved(channel)) {
            let before = self.cells.updated.clone();
            self.apply_input(&[], &writes)?;
            // What the last superstep changed still leads to its tasks.
            let cells = Arc::make_mut(&mut self.cells);
            cells.updated = before
                .map(|before| before.into_iter().chain(cells.updated.take().into_iter().flatten()).collect());
        }
        Ok(())
    }

    /// Applies `writes` as the pseudo-task of the input, together with tasks that will not run.
    fn apply_input(&mut self, discarded: &[Planned], writes: &WriteList) -> Result<(), RunError> {
        let graph = self.graph.clone();
        let mut tasks: Vec<TaskWrites<'_>> = discarded
            .iter()
            .map(|task| TaskWrites {
                path: &task.info.path,
                node: Some(task.node),
                triggers: task.triggers(&graph.0),
                triggered: true,
                writes: &[],
            })
            .collect();
        let path = TaskPath::Input;
        tasks.push(TaskWrites { path: &path, node: None, triggers: &[], triggered: false, writes });
        let host = self.host.clone();
        apply(&graph.0, Arc::make_mut(&mut self.cells), &mut tasks, &mut || host.new_id())
    }

    /// New input: what was still to run is given up, and the graph begins at its entry.
    async fn begin(&mut self, input: Shared) -> Result<(Vec<Planned>, Verdict), RunError> {
        let discarded =
            if self.cells.is_used() { self.planner().plan(&self.cells, false) } else { Vec::new() };
        self.apply_input(&discarded, &vec![(crate::command::START.into(), input)])?;
        self.replaying = false;
        self.advance(Source::Input, Vec::new(), &[], false).await
    }

    /// Goes on from where the thread stands, or from the checkpoint that was asked for.
    async fn resume(&mut self, stance: Stance) -> Result<(Vec<Planned>, Verdict), RunError> {
        let cells = Arc::make_mut(&mut self.cells);
        cells.resumed_at = Some(cells.versions.clone());
        self.resuming = Some(true);
        let Stance { forks, time_travel, loaded, .. } = stance;
        if forks {
            self.pending.retain(|row| &*row.channel != reserved::INTERRUPT);
            self.replay_before = Some(self.head);
            // A fork is the same state once more: what changed last is not known to it.
            Arc::make_mut(&mut self.cells).updated = None;
            return self.advance(Source::Fork, Vec::new(), &[], true).await;
        }
        let (metadata, parent) = match loaded {
            Some((metadata, parent)) => (metadata, parent),
            None => (self.metadata(Source::Loop, self.step - 1), None),
        };
        if time_travel {
            self.replay_before = parent;
        }
        let tasks = self.planner().plan(&self.cells, false);
        let verdict = self.judge(&tasks, &[]);
        self.tell(|| Body::Values(self.output())).await;
        self.tell_loaded(&tasks, &metadata, parent).await;
        Ok((tasks, verdict))
    }
}

/// Whether a run goes on where its thread waits, and nowhere else.
fn goes_on(input: &RunInput) -> bool {
    match input {
        RunInput::Command(command) => command.goto.is_empty(),
        RunInput::Nothing | RunInput::Value(_) => true,
    }
}

const AMBIGUOUS: &str = "When there are multiple pending interrupts, you must specify the interrupt id when \
                         resuming. Docs: https://docs.langchain.com/oss/python/langgraph/interrupts#handling-\
                         multiple-interrupts.";

fn unknown_interrupt(id: &str) -> RunError {
    RunError::UnknownInterrupt { message: format!("Unknown or already-consumed interrupt: {id}") }
}
