//! What leads from node to node: edges, joins and conditional edges.

use super::compile::Compiler;
use super::program::{BranchSpec, NodeIx, NodeSpec};
use super::{Mistake, Targets};
use crate::channel;
use crate::command::{END, START};
use crate::node::{ANONYMOUS, Route};
use crate::value::Key;

impl Compiler {
    fn source(&mut self, name: &str) -> Option<NodeIx> {
        if name == END {
            self.mistakes.push(Mistake::FromEnd);
            return None;
        }
        let found = self.node_index.get(name).copied();
        if found.is_none() {
            let nearest = self.nearest_node(name);
            self.mistakes.push(Mistake::UnknownSource { node: name.to_owned(), nearest });
        }
        found
    }

    /// The node that an edge leads to; `None` for the end, and for mistakes.
    fn target(&mut self, name: &str) -> Option<NodeIx> {
        match name {
            END => None,
            START => {
                self.mistakes.push(Mistake::ToStart);
                None
            }
            _ => {
                let found = self.node_index.get(name).copied();
                if found.is_none() {
                    let nearest = self.nearest_node(name);
                    self.mistakes.push(Mistake::UnknownTarget { node: name.to_owned(), nearest });
                }
                found
            }
        }
    }

    pub(super) fn edge(&mut self, nodes: &mut [NodeSpec], sources: &[Key], target: &Key) {
        let from: Vec<Option<NodeIx>> = sources.iter().map(|name| self.source(name)).collect();
        let Some(to) = self.target(target) else { return };
        let Some(from) = from.into_iter().collect::<Option<Vec<_>>>() else { return };
        if let [from] = from[..] {
            if let Some(channel) = nodes[to].branch_channel {
                nodes[from].edges.push(channel);
            }
            return;
        }
        let name = Key::from(format!("join:{}:{target}", sources.join("+")));
        let barrier = channel::barrier(&name, sources.into(), nodes[to].deferred);
        let ix = self.channel(name, barrier, true);
        for source in from {
            nodes[source].joins.push(ix);
        }
        nodes[to].triggers.push(ix);
        nodes[to].joined.push((sources.to_vec(), ix));
    }

    pub(super) fn branch(&mut self, nodes: &mut [NodeSpec], source: &str, route: Route, targets: Targets) {
        let Some(from) = self.source(source) else { return };
        let (map, targets) = match targets {
            Targets::Any => (None, None),
            Targets::Nodes(nodes) => (None, Some(nodes)),
            Targets::Map(map) => (Some(map.clone()), Some(map.into_iter().map(|(_, node)| node).collect())),
        };
        for target in targets.iter().flatten().filter(|name| &***name != END) {
            if !self.node_index.contains_key(target) {
                self.mistakes.push(Mistake::UnknownBranchTarget {
                    node: source.to_owned(),
                    branch: route.name.to_string(),
                    target: target.to_string(),
                    nearest: self.nearest_node(target),
                });
            }
        }
        let mut route = route;
        let others = nodes[from].branches.len();
        if &*route.name == ANONYMOUS && others > 0 {
            route.name = format!("{ANONYMOUS}_{}", others + 1).into();
        }
        if nodes[from].branches.iter().any(|branch| branch.route.name == route.name) {
            let (node, branch) = (source.to_owned(), route.name.to_string());
            self.mistakes.push(Mistake::DuplicateBranch { node, branch });
        }
        let reader = format!("route `{}` of node `{source}`", route.name);
        let reads = route.input.as_ref().map(|schema| self.view(&reader, Some(schema), true).0);
        nodes[from].branches.push(BranchSpec { route, reads, map, targets });
    }
}
