//! Where to go next: choices by conditions, and executions for each item of a list.

use std::sync::Arc;

use eddyline_engine::graph::Targets;
use eddyline_engine::node::Route;
use eddyline_engine::prelude::{END, Goto, NodeError, START, SendTo};
use eddyline_engine::{Key, Shared};
use serde_json::{Map, Value};

use super::located::{Located, Named, TextOr};
use super::mistake::Mistake;
use super::spec::ChoiceSpec;
use super::template::{Expr, RESERVED, Scope, Templates, Vars};
use super::tree::Tree;
use crate::prebuilt::{conversation, sends};

/// What a file calls the ends of a graph, and what the engine calls them.
pub(super) fn node_name(name: &str) -> &str {
    match name {
        "START" => START,
        "END" => END,
        other => other,
    }
}

/// One way that may be taken.
pub(super) struct Choice {
    when: Option<Expr>,
    to: Vec<Key>,
    each: Option<Each>,
}

/// An execution for each item.
struct Each {
    list: Expr,
    item: Arc<str>,
    with: Option<Templates>,
}

impl Choice {
    pub(super) fn new(spec: &ChoiceSpec, scope: &Scope, mistakes: &mut Vec<Mistake>) -> Self {
        let to = names(&spec.to.value).map(|name| Key::from(node_name(name))).collect();
        let when = spec.when.as_ref().map(|when| Expr::new(when, scope, mistakes));
        let each = spec.each.as_ref().map(|list| {
            let item = item_name(spec.item.as_ref());
            if RESERVED.contains(&item) {
                let place = spec.item.as_ref().map_or(list.place, |item| item.place);
                let words = format!("an item cannot be called `{item}`, which has a meaning in expressions");
                mistakes.push(Mistake::new(place, words).help("choose another name"));
            }
            let inner = scope.and([item]);
            let with = spec.with.as_ref().map(|with| Templates::new(with, &inner, mistakes));
            Each { list: Expr::new(list, scope, mistakes), item: item.into(), with }
        });
        if each.is_none() {
            if let Some(item) = &spec.item {
                let mistake = Mistake::new(item.place, "`as` names the items of `each`, which is missing");
                mistakes.push(mistake.help("add `each: LIST`, or leave `as` out"));
            }
            if let Some((name, _)) = spec.with.as_ref().and_then(|with| with.0.first()) {
                let mistake =
                    Mistake::new(name.place, "`with` is what each item is sent as, and `each` is missing");
                mistakes.push(mistake.help("add `each: LIST`, or leave `with` out"));
            }
        }
        Self { when, to, each }
    }

    /// Where it leads, if it holds.
    fn taken(&self, vars: &Vars) -> Result<Option<Vec<Goto>>, NodeError> {
        if let Some(when) = &self.when
            && !when.is_true(vars)?
        {
            return Ok(None);
        }
        match &self.each {
            None => Ok(Some(self.to.iter().map(|name| Goto::Node(name.clone())).collect())),
            Some(each) => each.sends(&self.to, vars).map(Some),
        }
    }
}

impl Each {
    fn sends(&self, to: &[Key], vars: &Vars) -> Result<Vec<Goto>, NodeError> {
        let Value::Array(items) = self.list.value(vars)? else {
            return Err(NodeError::visible("TypeError", "`each` wants an expression that gives a list"));
        };
        let mut sends = Vec::with_capacity(items.len() * to.len());
        for item in items {
            let args = match &self.with {
                None => Map::from_iter([(self.item.to_string(), item)]),
                Some(with) => {
                    let vars = vars.clone().item(&self.item, item);
                    let values =
                        with.values(&vars).map(|pair| pair.map(|(name, value)| (name.to_owned(), value)));
                    values.collect::<Result<_, _>>()?
                }
            };
            let args = Value::Object(args);
            sends.extend(to.iter().map(|node| Goto::Send(SendTo::new(node.clone(), args.clone()))));
        }
        Ok(sends)
    }
}

/// Where the first choice leads that holds; to the end if none does.
pub(super) fn choose(choices: &[Choice], vars: &Vars) -> Result<Vec<Goto>, NodeError> {
    for choice in choices {
        if let Some(taken) = choice.taken(vars)? {
            return Ok(taken);
        }
    }
    Ok(vec![END.into()])
}

/// A route by choices, and where it may lead.
pub(super) fn route(name: &str, choices: Vec<Choice>) -> (Route, Targets) {
    let ends = choices.last().is_none_or(|choice| choice.when.is_some());
    let mut targets: Vec<Key> = Vec::new();
    for name in choices.iter().flat_map(|choice| choice.to.iter().cloned()).chain(ends.then(|| END.into())) {
        if !targets.contains(&name) {
            targets.push(name);
        }
    }
    let route = Route::new(name, move |state: &Shared| choose(&choices, &Vars::new(state.clone())));
    (route, Targets::Nodes(targets))
}

/// A route that sends the calls of the model's last message to `tools`, or else goes to `otherwise`.
pub(super) fn tools_route(name: &str, tools: Key, otherwise: Key) -> (Route, Targets) {
    let targets = vec![tools.clone(), otherwise.clone()];
    let route = Route::new(name, move |state: &Shared| {
        let calls = sends(&conversation(state)?, &tools);
        Ok(if calls.is_empty() { vec![Goto::Node(otherwise.clone())] } else { calls })
    });
    (route, Targets::Nodes(targets))
}

/// One name or several.
pub(super) fn names(spec: &TextOr<Vec<Located<String>>>) -> impl Iterator<Item = &str> {
    let (one, many) = match spec {
        TextOr::Text(name) => (Some(&**name), None),
        TextOr::Long(names) => (None, Some(names)),
    };
    one.into_iter().chain(many.into_iter().flatten().map(|name| &*name.value))
}

fn item_name(item: Option<&Located<String>>) -> &str {
    item.map_or("item", |item| &*item.value)
}

/// What the executions are given that a choice sends: by node, the names.
pub(super) fn sent(choice: &ChoiceSpec) -> impl Iterator<Item = (&str, Vec<&str>)> {
    let given = choice.each.as_ref().map(|_| match &choice.with {
        Some(with) => Named::<Tree>::names(with).collect(),
        None => vec![item_name(choice.item.as_ref())],
    });
    given
        .into_iter()
        .flat_map(|given: Vec<&str>| names(&choice.to.value).map(move |node| (node, given.clone())))
}
