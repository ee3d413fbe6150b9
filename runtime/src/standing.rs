//! How a thread stands, read off the facts of its run.
//!
//! Only facts of the root count: what a nested graph holds is part of a task.

use eddyline_engine::Object;
use eddyline_engine::checkpoint::Commit;
use eddyline_engine::fact::{Body, CheckpointFact, Fact, TaskEnd, TaskNote};
use eddyline_engine::snapshot::Snapshot;
use uuid::Uuid;

use crate::threads::Interrupts;

/// How a thread stands as its run tells it, and as it is stored: the one is ahead of the other.
#[derive(Debug)]
pub(crate) struct Standings {
    told: Standing,
    stored: Standing,
}

impl Standings {
    /// The run begins where an attempt before it left the thread.
    pub(crate) fn new(left: Standing) -> Self {
        Self { told: Standing::default(), stored: left }
    }

    pub(crate) fn see(&mut self, fact: &Fact) {
        self.told.see(fact);
        let is_stored = matches!(&fact.body, Body::Checkpoint(checkpoint) if checkpoint.loaded);
        if fact.ns.is_empty() && is_stored {
            self.stored = self.told.clone();
        }
    }

    /// How things stand once a commit of the root, made now, is stored.
    pub(crate) fn after(&self, commit: &Commit) -> Standing {
        let shown = commit.checkpoint.as_ref().and_then(|new| new.shown.as_deref());
        shown.map_or_else(|| self.told.clone(), Standing::of_checkpoint)
    }

    /// A commit is stored, after which things stand so.
    pub(crate) fn is_stored(&mut self, standing: Standing) {
        self.stored = standing;
    }

    pub(crate) fn stored(&self) -> &Standing {
        &self.stored
    }
}

/// The state of the newest checkpoint, and what the tasks that follow it ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    /// `None` while no checkpoint was seen.
    pub(crate) values: Option<Object>,
    pub(crate) interrupts: Interrupts,
    /// The tasks that follow the checkpoint, in their order.
    tasks: Vec<Uuid>,
}

impl Standing {
    pub(crate) fn see(&mut self, fact: &Fact) {
        if !fact.ns.is_empty() {
            return;
        }
        match &fact.body {
            Body::Checkpoint(checkpoint) => *self = Self::of_checkpoint(checkpoint),
            Body::TaskFinished(end) | Body::TaskRestored(end) => self.task_ended(end),
            _ => {}
        }
    }

    /// How a thread stands of which no more is known than what is stored.
    pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Self {
        Self::at(&snapshot.values, snapshot.tasks.iter().map(|task| &task.note))
    }

    fn of_checkpoint(checkpoint: &CheckpointFact) -> Self {
        Self::at(&checkpoint.values, checkpoint.tasks.iter())
    }

    fn at<'a>(values: &Object, tasks: impl Iterator<Item = &'a TaskNote> + Clone) -> Self {
        let asking = tasks.clone().filter(|task| !task.interrupts.is_empty());
        Self {
            values: Some(values.clone()),
            interrupts: asking.map(|task| (task.id, task.interrupts.clone())).collect(),
            tasks: tasks.map(|task| task.id).collect(),
        }
    }

    /// True when tasks follow the newest checkpoint.
    pub(crate) fn continues(&self) -> bool {
        !self.tasks.is_empty()
    }

    fn task_ended(&mut self, end: &TaskEnd) {
        let task = end.task.id;
        self.interrupts.retain(|(asking, _)| *asking != task);
        if let Some((questions, _)) = &end.waiting {
            let rank = self.rank(task);
            let place = self.interrupts.partition_point(|(asking, _)| self.rank(*asking) < rank);
            self.interrupts.insert(place, (task, questions.clone()));
        }
    }

    /// The place of a task in the order of the tasks; one that no checkpoint told of comes last.
    fn rank(&self, task: Uuid) -> usize {
        self.tasks.iter().position(|known| *known == task).unwrap_or(self.tasks.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eddyline_engine::Interrupt;
    use eddyline_engine::checkpoint::{Metadata, Source};
    use eddyline_engine::fact::{TaskInfo, TaskPath};
    use eddyline_engine::ids::Timestamp;
    use serde_json::json;

    use super::*;

    /// In this order they follow a checkpoint.
    const TASKS: [Uuid; 3] = [Uuid::from_u128(2), Uuid::from_u128(1), Uuid::from_u128(3)];

    fn question(id: &str) -> Interrupt {
        Interrupt { value: json!("?").into(), id: id.to_owned(), response_schema: None }
    }

    /// The questions are those of the first task.
    fn checkpoint(questions: &[Interrupt]) -> Body {
        let note = |id: Uuid| TaskNote {
            id,
            name: "ask".into(),
            path: TaskPath::Pull("ask".into()),
            failure: None,
            result: None,
            interrupts: if id == TASKS[0] { questions.to_vec() } else { Vec::new() },
            subgraph: None,
        };
        let metadata =
            Metadata { extra: Arc::default(), source: Source::Loop, step: 1, parents: Arc::default() };
        Body::Checkpoint(Arc::new(CheckpointFact {
            id: Uuid::nil(),
            parent: None,
            loaded: false,
            metadata,
            values: [("topic".into(), json!("cats").into())].into_iter().collect(),
            tasks: TASKS.into_iter().map(note).collect(),
        }))
    }

    fn task_end(questions: Vec<Interrupt>) -> Body {
        end_of(TASKS[0], questions)
    }

    fn end_of(id: Uuid, questions: Vec<Interrupt>) -> Body {
        let task = TaskInfo {
            id,
            name: "ask".into(),
            step: 1,
            ns: "ask:1".into(),
            path: TaskPath::Pull("ask".into()),
            triggers: Arc::from([]),
            input: json!(null).into(),
            metadata: Arc::default(),
            tags: Arc::from([]),
            hidden: false,
        };
        let waiting = (!questions.is_empty()).then(|| (questions, Object::default()));
        Body::TaskFinished(Arc::new(TaskEnd {
            task: Arc::new(task),
            written: Vec::new(),
            output_keys: Arc::from([]),
            updates: true,
            output: None,
            failure: None,
            waiting,
        }))
    }

    fn check(ns: &str, bodies: Vec<Body>, questions: &[&str]) -> Standing {
        let mut standing = Standing::default();
        for body in bodies {
            standing.see(&Fact { ns: ns.into(), at: Timestamp(0), body });
        }
        let open = standing.interrupts.iter().flat_map(|(_, questions)| questions);
        assert_eq!(open.map(|question| question.id.as_str()).collect::<Vec<_>>(), questions);
        standing
    }

    #[test]
    fn questions_stand_until_their_task_ends_or_the_next_checkpoint() {
        check("", vec![checkpoint(&[]), task_end(vec![question("a")])], &["a"]);
        check("", vec![checkpoint(&[question("a")])], &["a"]);
        check("", vec![checkpoint(&[question("a")]), task_end(vec![question("b")])], &["b"]);
        check("", vec![checkpoint(&[question("a")]), task_end(vec![])], &[]);
        let standing = check("", vec![task_end(vec![question("a")]), checkpoint(&[])], &[]);
        assert_eq!(standing.values.expect("saw one").to_json(), json!({"topic": "cats"}));
    }

    #[test]
    fn questions_stand_in_the_order_of_their_tasks() {
        let asks = |place: usize, id: &str| end_of(TASKS[place], vec![question(id)]);
        let stranger = || end_of(Uuid::nil(), vec![question("s")]);
        check("", vec![checkpoint(&[]), asks(2, "c"), asks(0, "a"), asks(1, "b")], &["a", "b", "c"]);
        check("", vec![checkpoint(&[question("a")]), asks(1, "b"), asks(0, "again")], &["again", "b"]);
        check("", vec![checkpoint(&[]), stranger(), asks(1, "b"), asks(2, "c")], &["b", "c", "s"]);
    }

    #[test]
    fn nested_graphs_do_not_count() {
        let standing = check("sub:1", vec![checkpoint(&[question("a")])], &[]);
        assert_eq!(standing, Standing::default());
    }
}
