//! How a thread stands, read off the facts of its run.
//!
//! Only facts of the root count: what a nested graph holds is part of a task.

use eddyline_engine::Object;
use eddyline_engine::fact::{Body, Fact, TaskEnd};

use crate::threads::Interrupts;

/// The state of the newest checkpoint, and what the tasks that follow it ask.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    /// `None` while no checkpoint was seen.
    pub(crate) values: Option<Object>,
    pub(crate) interrupts: Interrupts,
}

impl Standing {
    pub(crate) fn see(&mut self, fact: &Fact) {
        if !fact.ns.is_empty() {
            return;
        }
        match &fact.body {
            Body::Checkpoint(checkpoint) => {
                let asking = checkpoint.tasks.iter().filter(|task| !task.interrupts.is_empty());
                self.values = Some(checkpoint.values.clone());
                self.interrupts = asking.map(|task| (task.id, task.interrupts.clone())).collect();
            }
            Body::TaskFinished(end) | Body::TaskRestored(end) => self.task_ended(end),
            _ => {}
        }
    }

    fn task_ended(&mut self, end: &TaskEnd) {
        let task = end.task.id;
        let place = self.interrupts.iter().position(|(asking, _)| *asking == task);
        match (&end.waiting, place) {
            (Some((questions, _)), Some(place)) => self.interrupts[place].1.clone_from(questions),
            (Some((questions, _)), None) => self.interrupts.push((task, questions.clone())),
            (None, Some(place)) => {
                self.interrupts.remove(place);
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eddyline_engine::Interrupt;
    use eddyline_engine::checkpoint::{Metadata, Source};
    use eddyline_engine::fact::{CheckpointFact, TaskInfo, TaskNote, TaskPath};
    use eddyline_engine::ids::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const TASK: Uuid = Uuid::from_u128(1);

    fn question(id: &str) -> Interrupt {
        Interrupt { value: json!("?").into(), id: id.to_owned(), response_schema: None }
    }

    fn checkpoint(questions: Vec<Interrupt>) -> Body {
        let note = TaskNote {
            id: TASK,
            name: "ask".into(),
            path: TaskPath::Pull("ask".into()),
            failure: None,
            result: None,
            interrupts: questions,
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
            tasks: vec![note],
        }))
    }

    fn task_end(questions: Vec<Interrupt>) -> Body {
        let task = TaskInfo {
            id: TASK,
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
        check("", vec![checkpoint(vec![]), task_end(vec![question("a")])], &["a"]);
        check("", vec![checkpoint(vec![question("a")])], &["a"]);
        check("", vec![checkpoint(vec![question("a")]), task_end(vec![question("b")])], &["b"]);
        check("", vec![checkpoint(vec![question("a")]), task_end(vec![])], &[]);
        let standing = check("", vec![task_end(vec![question("a")]), checkpoint(vec![])], &[]);
        assert_eq!(standing.values.expect("saw one").to_json(), json!({"topic": "cats"}));
    }

    #[test]
    fn nested_graphs_do_not_count() {
        let standing = check("sub:1", vec![checkpoint(vec![question("a")])], &[]);
        assert_eq!(standing, Standing::default());
    }
}
