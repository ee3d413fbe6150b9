//! One superstep: tasks set loose, their writes gathered and applied.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::attempts::Attempts;
use super::level::{Level, Verdict};
use super::slot::{Shown, Slot};
use super::{LevelEnv, outcome_of};
use crate::checkpoint::{Outcome, PendingWrite, Source};
use crate::command::{AnyCommand, Interrupt};
use crate::error::{Kind, NodeError, RunError};
use crate::fact::{Body, Fact, Failure};
use crate::graph::program::START_NODE;
use crate::host::CacheKey;
use crate::node::Scratch;
use crate::pregel::{Ended, Planned, TaskWrites, WriteList, apply, mark_finished, reserved};
use crate::value::{Key, Object, Shared};

/// How a superstep ended without an error.
pub(super) enum StepEnd {
    Next(Vec<Planned>, Verdict),
    /// Some task waits for an answer; what the others wrote shows in the values.
    Waiting(Vec<Interrupt>, Object),
    /// Some task has something to say to the graph around this one.
    Command(AnyCommand),
}

/// What the superstep has come to so far.
#[derive(Default)]
struct Gathered {
    /// Rows of the task that ended last: they are stored with what follows from it.
    unsaved: Vec<PendingWrite>,
    waiting: Vec<Interrupt>,
    paused: bool,
    failed: Option<RunError>,
    command: Option<AnyCommand>,
}

type Running = FuturesUnordered<BoxFuture<'static, (usize, Ended)>>;

impl Level {
    pub(super) async fn superstep(&mut self, tasks: Vec<Planned>) -> Result<StepEnd, RunError> {
        let env = self.env();
        let mut slots = self.slots(tasks);
        for slot in slots.iter().filter(|slot| !slot.task.info.hidden && slot.handles.is_none()) {
            self.tell(|| Body::TaskStarted(slot.task.info.clone())).await;
        }
        for slot in slots.iter().filter(|slot| slot.restored && !slot.task.info.hidden) {
            self.tell_end(slot, Shown { restored: true, ..Shown::default() }).await;
        }
        self.take_from_cache(&mut slots).await?;
        let gathered = self.gather(&env, &mut slots).await?;
        drop(env);
        self.conclude(slots, gathered).await
    }

    /// The tasks, with the writes of those that had finished before the run stopped.
    fn slots(&self, tasks: Vec<Planned>) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(tasks.len());
        for task in tasks {
            let rows = self.stored(&task);
            let failed = rows.iter().any(|(channel, _)| &**channel == reserved::ERROR_SOURCE);
            let handler = self.program().nodes[task.node].handler.filter(|_| failed);
            if let Some(handler) = handler {
                let failure = rows.iter().find(|(channel, _)| &**channel == reserved::ERROR);
                let failure = failure.and_then(|(_, value)| Failure::from_json(value.json()));
                let planned = self.planner().handler(handler, &task.info);
                let handles = Some((task.info.name.clone(), failure.unwrap_or_else(lost_failure)));
                slots.push(Slot { task, writes: Some(Vec::new()), restored: false, handles: None });
                slots.push(self.slot(planned, handles));
            } else {
                slots.push(self.slot(task, None));
            }
        }
        slots
    }

    fn slot(&self, task: Planned, handles: Option<(Key, Failure)>) -> Slot {
        let rows = self.stored(&task);
        let finished = rows.iter().any(|(channel, _)| !reserved::is_fate(channel));
        Slot { task, writes: finished.then_some(rows), restored: finished, handles }
    }

    fn stored(&self, task: &Planned) -> WriteList {
        if self.replaying {
            return Vec::new();
        }
        let rows = self.pending.iter().filter(|row| row.task == task.info.id);
        rows.map(|row| (row.channel.clone(), row.value.clone())).collect()
    }

    fn cache_key(&self, slot: &Slot) -> Option<CacheKey> {
        let spec = &self.program().nodes[slot.task.node];
        let hash = spec.cache.as_ref()?.hash(&slot.task.info.input);
        // Nodes of one name are different nodes in different graphs.
        Some(CacheKey { node: format!("{}|{}", self.program().id, spec.name).into(), hash })
    }

    async fn take_from_cache(&mut self, slots: &mut [Slot]) -> Result<(), RunError> {
        for slot in slots.iter_mut().filter(|slot| slot.writes.is_none()) {
            let Some(key) = self.cache_key(slot) else { continue };
            let Some(cached) = self.host.cached(key).await else { continue };
            slot.writes = Some(self.cached_writes(&cached));
            slot.restored = true;
            let rows = self.rows(slot);
            self.saver.save(self.head, rows, None, Outcome::Continue, Vec::new()).await?;
            self.tell_end(slot, Shown { restored: true, ..Shown::default() }).await;
        }
        Ok(())
    }

    /// Runs every task that has not ended, and takes each in as it ends.
    async fn gather(&mut self, env: &Arc<LevelEnv>, slots: &mut Vec<Slot>) -> Result<Gathered, RunError> {
        let mut gathered = Gathered::default();
        let mut running = Running::new();
        let mut next = 0;
        let limit = self.config.max_concurrency.unwrap_or(usize::MAX).max(1);
        let mut deadline = self.program().step_timeout.map(|limit| self.host.sleep(limit));
        loop {
            while running.len() < limit && next < slots.len() {
                if slots[next].writes.is_none() {
                    running.push(self.attempts(env, &slots[next], next));
                }
                next += 1;
            }
            let ended = match deadline.take() {
                None => running.next().await,
                Some(timer) => match select(running.next(), timer).await {
                    Either::Left((ended, timer)) => {
                        deadline = Some(timer);
                        ended
                    }
                    Either::Right(_) => return Err(RunError::StepTimeout),
                },
            };
            let Some((index, ended)) = ended else { return Ok(gathered) };
            self.take_in(slots, index, ended, &mut gathered).await;
            if gathered.failed.is_some() {
                drop(running);
                gathered.unsaved.extend(self.cancel_rest(slots));
                return Ok(gathered);
            }
            let more = !running.is_empty() || slots[next..].iter().any(|slot| slot.writes.is_none());
            if more {
                let rows = std::mem::take(&mut gathered.unsaved);
                self.saver.save(self.head, rows, None, Outcome::Continue, Vec::new()).await?;
            }
        }
    }

    fn attempts(&self, env: &Arc<LevelEnv>, slot: &Slot, index: usize) -> BoxFuture<'static, (usize, Ended)> {
        let attempts = Attempts {
            graph: self.graph.clone(),
            level: env.clone(),
            cells: self.cells.clone(),
            task: slot.task.clone(),
            scratch: Arc::new(Mutex::new(self.scratch(&slot.task))),
            handles: slot.handles.clone(),
        };
        Box::pin(attempts.run(index))
    }

    /// The answers that the task has: those stored, and one more from a resume map.
    fn scratch(&self, task: &Planned) -> Scratch {
        let rows = self.pending.iter().filter(|row| row.task == task.info.id);
        let stored = rows.clone().find(|row| &*row.channel == reserved::RESUME);
        let mut answers: Vec<Shared> = stored
            .and_then(|row| row.value.json().as_array())
            .map(|list| list.iter().cloned().map(Shared::from).collect())
            .unwrap_or_default();
        if let Some(map) =
            self.resume_map.as_ref().filter(|_| !self.pending.is_empty() || !self.ns.is_empty())
        {
            let id = |answered| crate::ids::interrupt_id(&task.info.ns, answered);
            // An answer that came while the first question was open is for that one alone.
            let first = || Some(id(0)).filter(|first| !self.config.answers.contains(first));
            let answer = map.get(&id(answers.len())).or_else(|| map.get(&first()?));
            answers.extend(answer.cloned().map(Shared::from));
        }
        Scratch::answered(answers)
    }

    /// What the end of one task means for the superstep.
    async fn take_in(&self, slots: &mut Vec<Slot>, index: usize, ended: Ended, gathered: &mut Gathered) {
        self.pulse();
        let Ended { mut writes, output, result } = ended;
        let node = slots[index].task.node;
        let error = match result {
            Ok(()) => {
                if node == START_NODE {
                    writes.extend(self.entry_control.iter().cloned());
                }
                mark_finished(&mut writes);
                slots[index].writes = Some(writes);
                self.put_in_cache(&slots[index]);
                self.tell_end(&slots[index], Shown { output, ..Shown::default() }).await;
                gathered.unsaved.extend(self.rows(&slots[index]));
                return;
            }
            Err(error) => error,
        };
        match error.into_kind() {
            Kind::Interrupted(interrupts) if interrupts.is_empty() => {
                slots[index].writes = Some(Vec::new());
                gathered.paused = true;
            }
            Kind::Interrupted(interrupts) => {
                writes.retain(|(channel, _)| &**channel == reserved::RESUME);
                writes.insert(0, (reserved::INTERRUPT.into(), Shared::from(json!(interrupts))));
                slots[index].writes = Some(writes);
                let waiting = Some((interrupts.clone(), self.output()));
                self.tell_end(&slots[index], Shown { waiting, ..Shown::default() }).await;
                gathered.unsaved.extend(self.rows(&slots[index]));
                gathered.waiting.extend(interrupts);
            }
            Kind::Parent(command) => {
                slots[index].writes = Some(Vec::new());
                gathered.command.get_or_insert(command);
            }
            other => {
                let error = NodeError::from_kind(other);
                let failure = error.failure();
                let name = slots[index].task.info.name.clone();
                let handler = self.program().nodes[node].handler.filter(|_| slots[index].handles.is_none());
                writes.push((reserved::ERROR.into(), failure.to_json().into()));
                if handler.is_some() {
                    writes.push((reserved::ERROR_SOURCE.into(), Value::from(&*name).into()));
                }
                slots[index].writes = Some(writes);
                let shown = Shown { failure: Some(failure.clone()), ..Shown::default() };
                self.tell_end(&slots[index], shown).await;
                gathered.unsaved.extend(self.rows(&slots[index]));
                match handler {
                    Some(handler) => {
                        let task = self.planner().handler(handler, &slots[index].task.info);
                        slots.push(Slot {
                            task,
                            writes: None,
                            restored: false,
                            handles: Some((name, failure)),
                        });
                    }
                    None => gathered.failed = Some(run_error(error, &name, failure)),
                }
            }
        }
    }

    /// The rows of tasks that another's failure ends.
    fn cancel_rest(&self, slots: &mut [Slot]) -> Vec<PendingWrite> {
        let mut rows = Vec::new();
        for slot in slots.iter_mut().filter(|slot| slot.writes.is_none()) {
            let cancelled = NodeError::cancelled().failure().to_json();
            slot.writes = Some(vec![(reserved::ERROR.into(), cancelled.into())]);
            rows.extend(self.rows(slot));
        }
        rows
    }

    /// Stores how the superstep ended and, if every task finished, makes the next checkpoint.
    async fn conclude(&mut self, slots: Vec<Slot>, gathered: Gathered) -> Result<StepEnd, RunError> {
        let Gathered { unsaved, waiting, paused, failed, command } = gathered;
        if let Some(error) = failed {
            self.saver.save(self.head, unsaved, None, outcome_of(&error), Vec::new()).await?;
            return Err(error);
        }
        if let Some(command) = command {
            self.saver.save(self.head, unsaved, None, Outcome::Continue, Vec::new()).await?;
            return Ok(StepEnd::Command(command));
        }
        if !waiting.is_empty() || paused {
            return self.wait(&slots, unsaved, waiting).await;
        }
        let changed = match self.apply(&slots) {
            Ok(changed) => changed,
            Err(error) => {
                self.saver.save(self.head, unsaved, None, outcome_of(&error), Vec::new()).await?;
                return Err(error);
            }
        };
        let ran: Vec<usize> = slots.iter().map(|slot| slot.task.node).collect();
        self.replaying = false;
        let (tasks, verdict) = self.advance(Source::Loop, unsaved, &ran, changed).await?;
        Ok(StepEnd::Next(tasks, verdict))
    }

    /// Applies all writes; true when the output changed by a write to it.
    fn apply(&mut self, slots: &[Slot]) -> Result<bool, RunError> {
        let graph = self.graph.clone();
        let program = &graph.0;
        let mut tasks: Vec<TaskWrites<'_>> = slots
            .iter()
            .map(|slot| TaskWrites {
                path: &slot.task.info.path,
                node: Some(slot.task.node),
                triggers: slot.task.triggers(program),
                triggered: true,
                writes: slot.writes.as_deref().unwrap_or_default(),
            })
            .collect();
        let host = self.host.clone();
        let cells = Arc::make_mut(&mut self.cells);
        apply(program, cells, &mut tasks, &mut || host.new_id())?;
        let is_output = |channel: &usize| self.output_keys.contains(channel);
        let wrote = tasks
            .iter()
            .flat_map(|task| task.writes)
            .any(|(key, _)| program.index.get(key).is_some_and(is_output));
        Ok(wrote && self.cells.updated.iter().flatten().any(is_output))
    }

    /// Some task waits for an answer, or for somebody to go on.
    async fn wait(
        &mut self,
        slots: &[Slot],
        unsaved: Vec<PendingWrite>,
        waiting: Vec<Interrupt>,
    ) -> Result<StepEnd, RunError> {
        let (values, changed) = match self.merge_in_memory(slots) {
            Ok(merged) => merged,
            Err(error) => {
                self.saver.save(self.head, unsaved, None, outcome_of(&error), Vec::new()).await?;
                return Err(error);
            }
        };
        let mut facts: Vec<Fact> =
            waiting.is_empty().then(|| self.fact(|| Body::Paused)).flatten().into_iter().collect();
        if changed {
            facts.extend(self.fact(|| Body::Values(values.clone())));
        }
        facts.extend(self.end_facts(None, values.clone()));
        self.saver.save(self.head, unsaved, None, Outcome::Interrupted, facts).await?;
        Ok(StepEnd::Waiting(waiting, values))
    }

    /// The output of a run that waits, with the writes of the tasks that did finish, and whether these changed it.
    /// Nothing of it is stored: they are taken back on resume.
    fn merge_in_memory(&mut self, slots: &[Slot]) -> Result<(Object, bool), RunError> {
        if !self.ns.is_empty() {
            return Ok((self.output(), false));
        }
        let before = self.cells.clone();
        let changed = self.apply(slots);
        let values = self.output();
        self.cells = before;
        Ok((values, changed?))
    }

    fn cached_writes(&self, cached: &Shared) -> WriteList {
        let pairs = cached.json().as_array().into_iter().flatten();
        let pair = |pair: &Value| {
            let (key, value) = (pair.get(0)?.as_str()?, Shared::from(pair.get(1)?.clone()));
            Some((Key::from(key), self.cells.settle(self.program(), key, value)))
        };
        pairs.filter_map(pair).collect()
    }

    fn put_in_cache(&self, slot: &Slot) {
        let Some(policy) = &self.program().nodes[slot.task.node].cache else { return };
        let Some(key) = self.cache_key(slot) else { return };
        let writes: Vec<Value> =
            slot.writes.iter().flatten().map(|(key, value)| json!([&**key, value])).collect();
        self.host.cache(key, Value::from(writes).into(), policy.keep);
    }
}

/// The error of the run that a node's error is. A nested graph's errors pass as they are.
fn run_error(error: NodeError, node: &Key, failure: Failure) -> RunError {
    match error.into_kind() {
        Kind::Run(error) => error,
        _ => RunError::of_node(node, failure),
    }
}

fn lost_failure() -> Failure {
    Failure { class: "Exception".into(), message: "".into(), visible: true }
}
