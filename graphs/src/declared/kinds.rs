//! What a node is made of, by its kind.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use eddyline_engine::Key;
use eddyline_engine::model::ResponseFormat;
use eddyline_engine::node::{IntoNode, Node, NodeBody};
use serde_json::Value;

use super::compile::{Home, compile};
use super::http::Request;
use super::keys::{Keys, Type};
use super::located::{Located, Named, TextOr};
use super::mistake::{Mistake, Place};
use super::model::{Asking, Source};
use super::node::{Action, FileNode, Inner};
use super::process::Processes;
use super::route::{Choice, names, node_name};
use super::spec::{AgentSpec, ChoiceSpec, CommandSpec, File, ModelSpec, NodeSpec};
use super::template::{RESULT, Scope, Template, Templates};
use super::tool::tools;
use super::tree::{Kind as TreeKind, Tree};
use crate::prebuilt::{Agent, ToolNode};
use crate::tools::Tool;

/// A node, and where its commands go.
pub(super) struct Built {
    pub(super) body: NodeBody,
    pub(super) goto: Vec<Key>,
}

/// What a kind comes to.
enum Made {
    /// A node that writes the state itself.
    Body(NodeBody),
    /// An action whose result is written, and where its commands go.
    Acts(Box<Action>, Vec<Key>),
}

/// What nodes of a file are built with.
pub(super) struct Kinds<'a> {
    file: &'a File,
    home: &'a Home,
    keys: Arc<Keys>,
    tools: HashMap<String, Vec<Tool>>,
}

/// The kinds that a node may have, in the words of a file.
const KINDS: &str =
    "`set`, `template`, `model`, `agent`, `tools`, `http`, `process`, `subgraph`, `interrupt` or `command`";

impl<'a> Kinds<'a> {
    pub(super) fn new(file: &'a File, home: &'a Home, keys: Arc<Keys>, mistakes: &mut Vec<Mistake>) -> Self {
        Self { file, home, keys, tools: tools(file, home, mistakes) }
    }

    /// The node, unless it has no kind, or more than one.
    pub(super) fn build(
        &self,
        name: &Located<String>,
        spec: &NodeSpec,
        scope: &Scope,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Built> {
        let kinds = kinds(spec);
        match &kinds[..] {
            [] if spec.set.is_none() => {
                let mistake = Mistake::new(name.place, format!("node `{}` has no kind", name.value));
                mistakes.push(mistake.help(format!("give it {KINDS}")));
                return None;
            }
            [] | [_] => {}
            several => {
                let words = format!("node `{}` has several kinds: {}", name.value, several.join(", "));
                mistakes.push(Mistake::new(name.place, words).help("make a node of each"));
                return None;
            }
        }
        self.check_result(name, spec, kinds.first().copied(), mistakes);
        let (action, goto) = match self.made(name, spec, scope, mistakes)? {
            Made::Body(body) => return Some(Built { body, goto: Vec::new() }),
            Made::Acts(action, goto) => (action, goto),
        };
        let has_result = !matches!(*action, Action::Set | Action::Command { .. });
        let set_scope = if has_result { scope.and([RESULT]) } else { scope.clone() };
        let set = spec.set.as_ref().map(|set| self.writes(set, &set_scope, mistakes)).unwrap_or_default();
        let into = spec.into.as_ref().map(|into| into.value.clone());
        // An answer in a conversation is a part of it.
        let answers = matches!(*action, Action::Model(_)) && spec.set.is_none() && into.is_none();
        let into = into.or_else(|| answers.then(|| MESSAGES.to_owned()));
        let node = FileNode::from(Inner { keys: self.keys.clone(), action: *action, into, set });
        let node: Arc<dyn Node> = Arc::new(node);
        Some(Built { body: IntoNode::<Value, _>::into_node(node), goto })
    }

    /// Whether something is done with the result of a kind that has one, and nothing with that of another.
    fn check_result(
        &self,
        name: &Located<String>,
        spec: &NodeSpec,
        kind: Option<&str>,
        mistakes: &mut Vec<Mistake>,
    ) {
        if let Some(into) = &spec.into {
            self.check_key(into, mistakes);
        }
        let graph = matches!(kind, Some("agent" | "subgraph" | "tools" | "command"));
        if graph && (spec.set.is_some() || spec.into.is_some()) {
            let words = format!(
                "`{}` writes the state itself, and has no result for `set` or `into`",
                kind.unwrap_or_default()
            );
            mistakes.push(Mistake::new(name.place, words).help("write keys in a node of their own"));
        }
        if kind.is_none() && spec.into.is_some() {
            let words = "`set` has no result for `into`";
            mistakes.push(Mistake::new(name.place, words).help("write the key in `set`"));
        }
        if matches!(kind, Some("template" | "http")) && spec.set.is_none() && spec.into.is_none() {
            let words = format!("nothing is done with the result of `{}`", kind.unwrap_or_default());
            mistakes.push(
                Mistake::new(name.place, words)
                    .help("name its key with `into`, or use `{{ result }}` in `set`"),
            );
        }
        if kind != Some("interrupt") && spec.answer_schema.is_some() {
            mistakes.push(
                Mistake::new(name.place, "`answer_schema` belongs to `interrupt`").help("leave it out"),
            );
        }
    }

    fn check_key(&self, name: &Located<String>, mistakes: &mut Vec<Mistake>) {
        if self.keys.get(&name.value).is_none() {
            let mistake = Mistake::new(name.place, format!("the state has no key `{}`", name.value));
            mistakes.push(mistake.known(&name.value, self.keys.names()));
        }
    }

    fn writes(&self, set: &Named<Tree>, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Templates {
        set.0.iter().for_each(|(name, _)| self.check_key(name, mistakes));
        Templates::new(set, scope, mistakes)
    }

    fn subgraph(
        &self,
        name: &Located<String>,
        spec: &Located<TextOr<Box<File>>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<NodeBody> {
        let graph = match &spec.value {
            TextOr::Text(file) => super::load_inside(Path::new(file), self.home),
            TextOr::Long(file) => match compile(file, self.home, &name.value) {
                Ok(graph) => Ok(graph),
                Err(inner) => {
                    mistakes.extend(inner);
                    return None;
                }
            },
        };
        match graph {
            Ok(graph) => Some(IntoNode::<Value, _>::into_node(graph)),
            Err(mistake) => {
                mistakes.push(mistake.at(spec.place));
                None
            }
        }
    }

    fn agent(
        &self,
        name: &Located<String>,
        spec: &AgentSpec,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<NodeBody> {
        self.check_messages(name.place, "an agent", mistakes);
        let mut agent = Agent::new(&spec.model).tools(self.named_tools(&spec.tools, mistakes));
        if let Some(prompt) = &spec.prompt {
            agent = agent.prompt(prompt.as_str());
        }
        if let Some(turns) = spec.max_turns {
            agent = agent.max_turns(turns);
        }
        if let Some(schema) = &spec.format {
            agent = agent.respond_in(ResponseFormat { name: "answer".into(), schema: schema.clone() });
        }
        let agent =
            spec.options.iter().fold(agent, |agent, (key, value)| agent.option(key.as_str(), value.clone()));
        match agent.compile() {
            Ok(agent) => Some(IntoNode::<Value, _>::into_node(eddyline_engine::Graph::from(agent))),
            Err(error) => {
                mistakes.push(Mistake::new(name.place, error.to_string()));
                None
            }
        }
    }

    fn check_messages(&self, place: Place, what: &str, mistakes: &mut Vec<Mistake>) {
        if self.keys.get(MESSAGES).is_none_or(|key| key.kind != Type::Messages) {
            let mistake = Mistake::new(place, format!("{what} needs a conversation, and the state has none"));
            mistakes.push(mistake.help("add `messages: messages` to `state`"));
        }
    }

    fn named_tools(&self, names: &[Located<String>], mistakes: &mut Vec<Mistake>) -> Vec<Tool> {
        let mut found = Vec::new();
        for name in names {
            if let Some(tools) = self.tools.get(&name.value) {
                found.extend(tools.iter().cloned());
                continue;
            }
            // One with a mistake is known by name, as are those of a server that cannot be asked.
            let known: Vec<&str> = self.file.tools.names().chain(self.file.mcp.names()).collect();
            let server = name.value.split('.').next().unwrap_or_default();
            if known.contains(&&*name.value) || known.contains(&server) && !self.tools.contains_key(server) {
                continue;
            }
            let mistake = Mistake::new(name.place, format!("there is no tool `{}`", name.value));
            mistakes.push(match known[..] {
                [] => mistake.help("describe it in `tools` of the file"),
                _ => mistake.known(&name.value, known),
            });
        }
        found
    }

    /// The node by its kind, unless it has a mistake of which nothing can be made.
    fn made(
        &self,
        name: &Located<String>,
        spec: &NodeSpec,
        scope: &Scope,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Made> {
        let action = if let Some(subgraph) = &spec.subgraph {
            return self.subgraph(name, subgraph, mistakes).map(Made::Body);
        } else if let Some(agent) = &spec.agent {
            return self.agent(name, agent, mistakes).map(Made::Body);
        } else if let Some(tools) = &spec.tools {
            self.check_messages(name.place, "`tools`", mistakes);
            let node = ToolNode::new(self.named_tools(tools, mistakes));
            return Some(Made::Body(IntoNode::<Value, _>::into_node(node)));
        } else if let Some(command) = &spec.command {
            let (action, goto) = self.command(command, scope, mistakes);
            return Some(Made::Acts(Box::new(action), goto));
        } else if let Some(template) = &spec.template {
            Action::Template(Template::new(template, scope, mistakes))
        } else if let Some(model) = &spec.model {
            Action::Model(self.model(name, spec, model, scope, mistakes)?)
        } else if let Some(http) = &spec.http {
            Action::Http(Request::new(http, scope, mistakes))
        } else if let Some(process) = &spec.process {
            Action::Process(Processes::new(process, self.home, mistakes)?)
        } else if let Some(question) = &spec.interrupt {
            let question = Template::new(question, scope, mistakes);
            Action::Interrupt { question, schema: spec.answer_schema.clone() }
        } else {
            Action::Set
        };
        Some(Made::Acts(Box::new(action), Vec::new()))
    }

    fn command(&self, spec: &CommandSpec, scope: &Scope, mistakes: &mut Vec<Mistake>) -> (Action, Vec<Key>) {
        let choices = match &spec.goto.value {
            TextOr::Long(choices) => choices.clone(),
            TextOr::Text(node) => vec![ChoiceSpec {
                when: None,
                to: Located { place: spec.goto.place, value: TextOr::Text(node.clone()) },
                each: None,
                item: None,
                with: None,
            }],
        };
        let targets: Vec<&str> = choices.iter().flat_map(|choice| names(&choice.to.value)).collect();
        if !spec.to_parent {
            for target in targets.iter().filter(|target| node_name(target) == **target) {
                if self.file.nodes.get(target).is_none() {
                    let mistake =
                        Mistake::new(spec.goto.place, format!("there is no node `{target}` to go to"));
                    mistakes.push(mistake.known(target, self.file.nodes.names()));
                }
            }
        }
        // Drawn are the ways inside this graph.
        let goto =
            targets.iter().filter(|_| !spec.to_parent).map(|name| Key::from(node_name(name))).collect();
        let update = if spec.to_parent {
            Templates::new(&spec.update, scope, mistakes)
        } else {
            self.writes(&spec.update, scope, mistakes)
        };
        let choices = choices.iter().map(|choice| Choice::new(choice, scope, mistakes)).collect();
        (Action::Command { update, goto: choices, to_parent: spec.to_parent }, goto)
    }

    fn model(
        &self,
        name: &Located<String>,
        node: &NodeSpec,
        spec: &Located<TextOr<ModelSpec>>,
        scope: &Scope,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Asking> {
        let spec = match &spec.value {
            TextOr::Long(spec) => spec.clone(),
            TextOr::Text(model) => ModelSpec {
                name: Some(Tree { place: spec.place, kind: TreeKind::Text(model.clone()) }),
                ..ModelSpec::default()
            },
        };
        if spec.ask.is_none() {
            self.check_messages(name.place, "a model without `ask`", mistakes);
        }
        if node.set.is_none() && node.into.is_none() {
            self.check_messages(name.place, "the answer of a model without `into`", mistakes);
        }
        let model = match (&spec.name, &spec.scripted) {
            (Some(model), None) => Source::Named(Template::new(model, scope, mistakes)),
            (None, Some(scripted)) => Source::scripted(scripted, name.place, scope, mistakes),
            _ => {
                let mistake = Mistake::new(name.place, "a model has a `name`, or is `scripted`");
                mistakes.push(mistake.help("give it one of them"));
                return None;
            }
        };
        let tools = self.named_tools(&spec.tools, mistakes);
        Some(Asking {
            model,
            prompt: spec.prompt.as_ref().map(|prompt| Template::new(prompt, scope, mistakes)),
            ask: spec.ask.as_ref().map(|ask| Template::new(ask, scope, mistakes)),
            tools: tools.iter().map(|tool| tool.spec().clone()).collect(),
            format: spec.format,
            options: spec.options,
            tags: spec.tags,
        })
    }
}

/// The key of a conversation.
const MESSAGES: &str = "messages";

/// The kinds that are written at a node, `set` aside.
fn kinds(spec: &NodeSpec) -> Vec<&'static str> {
    let written = [
        ("template", spec.template.is_some()),
        ("model", spec.model.is_some()),
        ("agent", spec.agent.is_some()),
        ("tools", spec.tools.is_some()),
        ("http", spec.http.is_some()),
        ("process", spec.process.is_some()),
        ("subgraph", spec.subgraph.is_some()),
        ("interrupt", spec.interrupt.is_some()),
        ("command", spec.command.is_some()),
    ];
    written.into_iter().filter(|(_, written)| *written).map(|(kind, _)| kind).collect()
}
