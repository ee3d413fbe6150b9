//! The graphs of the newest run of a thread, as a tree.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Channel, Event};
use crate::value::Key;

/// How the newest run and its nested graphs stand.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    graphs: BTreeMap<Vec<Key>, Graph>,
}

#[derive(Clone, Debug)]
struct Graph {
    status: Value,
    name: Value,
}

impl Tree {
    /// Takes in what an event says of a graph.
    pub fn see(&mut self, event: &Event) {
        if event.channel != Channel::Lifecycle {
            return;
        }
        let status = event.data["event"].clone();
        if event.ns.is_empty() && status == "running" {
            self.graphs.clear();
        }
        let name = event.data["graph_name"].clone();
        self.graphs.insert(event.ns.clone(), Graph { status, name });
    }

    /// `{namespace, status, graph_name, children?}` of the root; `None` while no run was seen.
    pub fn to_json(&self) -> Option<Value> {
        self.graphs.contains_key([].as_slice()).then(|| self.of(&[]))
    }

    fn of(&self, ns: &[Key]) -> Value {
        let mut map = Map::new();
        map.insert("namespace".into(), ns.iter().map(|level| Value::from(&**level)).collect());
        if let Some(graph) = self.graphs.get(ns) {
            map.insert("status".into(), graph.status.clone());
            map.insert("graph_name".into(), graph.name.clone());
        }
        let children: Vec<Value> = self.children(ns).map(|child| self.of(child)).collect();
        if !children.is_empty() {
            map.insert("children".into(), children.into());
        }
        map.into()
    }

    /// Those that have no other between themselves and `ns`.
    fn children(&self, ns: &[Key]) -> impl Iterator<Item = &[Key]> {
        let below = self.graphs.keys().filter(move |child| child.len() > ns.len() && child.starts_with(ns));
        let direct = below.filter(move |child| {
            !(ns.len() + 1..child.len()).any(|length| self.graphs.contains_key(&child[..length]))
        });
        direct.map(Vec::as_slice)
    }
}
