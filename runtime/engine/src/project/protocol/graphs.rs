//! Nested graphs that run: when each begins, and how each ends.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fact::TaskInfo;
use crate::ids::{NS_END, NS_SEPARATOR, is_counter, recast_ns};
use crate::project::classic::levels;
use crate::value::Key;

/// How a graph, or a run, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Failed,
    Interrupted,
}

impl End {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The nested graphs of a run.
#[derive(Default)]
pub(super) struct Graphs {
    /// Those that run, by namespace, with what is known of their end before it comes.
    open: BTreeMap<Key, Option<End>>,
    /// Those whose beginning was told.
    told: HashSet<Key>,
    /// Tasks that run: those that hold nested graphs are asked for.
    tasks: BTreeMap<Key, Arc<TaskInfo>>,
}

impl Graphs {
    pub(super) fn task_starts(&mut self, task: &Arc<TaskInfo>) {
        self.tasks.insert(task.ns.clone(), Arc::clone(task));
    }

    /// What is told of a graph that begins, unless it was told before: a further attempt is no further graph.
    pub(super) fn begin(&mut self, ns: &Key) -> Option<Value> {
        self.open.insert(ns.clone(), None);
        if !self.told.insert(ns.clone()) {
            return None;
        }
        let mut started = Map::new();
        started.insert("event".into(), "started".into());
        let levels: Vec<&str> = ns.split(NS_SEPARATOR).collect();
        started.insert("namespace".into(), levels.into());
        started.insert("graph_name".into(), name(ns).into());
        if let Some(id) = holder(ns).split_once(NS_END).map(|(_, id)| id) {
            started.insert("trigger_call_id".into(), id.into());
        }
        if let Some(call) = self.dispatched(ns) {
            started.insert("cause".into(), json!({"type": "toolCall", "tool_call_id": call}));
        }
        Some(started.into())
    }

    /// The id of the call of a tool that the task around a graph was made for, if it was.
    fn dispatched(&self, ns: &str) -> Option<String> {
        let mut task = ns;
        while let Some((outer, last)) = task.rsplit_once(NS_SEPARATOR)
            && is_counter(last)
        {
            task = outer;
        }
        let input = self.tasks.get(task)?.input.json();
        Some(input.get("tool_call")?.get("id")?.as_str()?.to_owned())
    }

    /// A graph has reached its end by itself.
    pub(super) fn complete(&mut self, ns: &Key) -> bool {
        self.open.remove(ns).is_some()
    }

    /// The task is over; the graphs inside it that are still open, innermost first.
    pub(super) fn task_ends(&mut self, task: &TaskInfo) -> Vec<Key> {
        self.tasks.remove(&task.ns);
        let inside = self.inside(task);
        self.open.retain(|ns, _| !inside.contains(ns));
        inside
    }

    /// The task waits, and so do the graphs inside it: until the run says so.
    pub(super) fn task_waits(&mut self, task: &TaskInfo) {
        self.tasks.remove(&task.ns);
        for ns in self.inside(task) {
            self.open.insert(ns, Some(End::Interrupted));
        }
    }

    fn inside(&self, task: &TaskInfo) -> Vec<Key> {
        let (own, kept) = (&*task.ns, recast_ns(&task.ns));
        let within = |ns: &str, outer: &str| {
            ns.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(NS_SEPARATOR))
        };
        let inside = self.open.keys().filter(|ns| within(ns, own) || within(ns, &kept));
        innermost_first(inside.cloned().collect())
    }

    /// The run is over; what is still open ends with it, innermost first.
    pub(super) fn run_ends(&mut self, end: End) -> Vec<(Key, End)> {
        let open = std::mem::take(&mut self.open);
        let order = innermost_first(open.keys().cloned().collect());
        let end_of = |ns: &Key| open.get(ns).copied().flatten().filter(|_| end != End::Failed).unwrap_or(end);
        order.into_iter().map(|ns| (ns.clone(), end_of(&ns))).collect()
    }

    /// A further attempt begins where the one before it left nothing running.
    pub(super) fn begin_again(&mut self) {
        self.open.clear();
        self.tasks.clear();
    }
}

/// Deeper namespaces first, those of one depth in their order.
fn innermost_first(mut found: Vec<Key>) -> Vec<Key> {
    found.sort_by_key(|ns| std::cmp::Reverse(ns.split(NS_SEPARATOR).count()));
    found
}

/// The level that a graph runs on: `node:task`.
fn holder(ns: &str) -> &str {
    ns.rsplit(NS_SEPARATOR).find(|level| !is_counter(level)).unwrap_or(ns)
}

/// The node that holds a graph.
fn name(ns: &str) -> &str {
    holder(ns).split(NS_END).next().unwrap_or(ns)
}

/// How a graph ended.
pub(super) fn ended(ns: &str, end: End, error: Option<&str>) -> (Vec<Key>, Value) {
    let mut event = json!({"event": end.as_str(), "graph_name": name(ns)});
    if let Some(error) = error.filter(|_| end == End::Failed) {
        event["error"] = error.into();
    }
    (levels(ns), event)
}

/// What names a run's own events among those of its thread.
pub(super) fn of_run(run_id: Uuid, ns: &[Key], status: &str) -> super::Name {
    super::Name::new(run_id, "lc", ns, status)
}
