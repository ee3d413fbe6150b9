//! What a child may say.

use eddyline_engine::prelude::{Goto, NodeError, SendTo};
use eddyline_engine::store::{Filter, GetItem, Place, PutItem, SearchItems};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One line of a child.
pub(super) enum Said {
    Event(Value),
    Interrupt(Value),
    Store(Asked),
    Return { update: Value, goto: Vec<Goto> },
    Error(NodeError),
}

/// What a child asks the store.
pub(super) enum Asked {
    Get(GetItem),
    Put(PutItem),
    Delete(Place),
    Search(SearchItems),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Event(Value),
    Interrupt(Value),
    Store(StoreLine),
    Error(ErrorLine),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnLine {
    #[serde(rename = "return")]
    update: Value,
    #[serde(default)]
    goto: Option<GotoLine>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GotoLine {
    One(TargetLine),
    Many(Vec<TargetLine>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TargetLine {
    Node(String),
    Send { node: String, args: Value },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorLine {
    Words(String),
    Classed { class: String, message: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoreLine {
    Get {
        namespace: Vec<String>,
        key: String,
    },
    Put {
        namespace: Vec<String>,
        key: String,
        value: Map<String, Value>,
    },
    Delete {
        namespace: Vec<String>,
        key: String,
    },
    Search {
        namespace: Vec<String>,
        #[serde(default)]
        filter: Map<String, Value>,
        #[serde(default)]
        query: Option<String>,
        #[serde(default)]
        limit: Option<usize>,
    },
}

impl Said {
    /// What a line says; else what it should say.
    pub(super) fn read(line: &str) -> Result<Self, String> {
        let refused = |error: serde_json::Error| {
            format!("its line `{}` says nothing that is known: {error}", start(line))
        };
        let value: Value = serde_json::from_str(line).map_err(refused)?;
        if value.get("return").is_some() {
            let ReturnLine { update, goto } = serde_json::from_value(value).map_err(refused)?;
            let targets = match goto {
                None => Vec::new(),
                Some(GotoLine::One(one)) => vec![one],
                Some(GotoLine::Many(many)) => many,
            };
            return Ok(Self::Return { update, goto: targets.into_iter().map(goto_of).collect() });
        }
        Ok(match serde_json::from_value(value).map_err(refused)? {
            Line::Event(value) => Self::Event(value),
            Line::Interrupt(question) => Self::Interrupt(question),
            Line::Store(asked) => Self::Store(asked_of(asked).map_err(|error| error.to_string())?),
            Line::Error(ErrorLine::Words(words)) => Self::Error(NodeError::visible("ProcessError", words)),
            Line::Error(ErrorLine::Classed { class, message }) => {
                Self::Error(NodeError::visible(class, message))
            }
        })
    }
}

fn goto_of(target: TargetLine) -> Goto {
    match target {
        TargetLine::Node(name) => crate::declared::node::key(&name).to_string().into(),
        TargetLine::Send { node, args } => SendTo::new(node, args).into(),
    }
}

fn asked_of(line: StoreLine) -> Result<Asked, eddyline_engine::store::StoreError> {
    Ok(match line {
        StoreLine::Get { namespace, key } => {
            Asked::Get(GetItem { place: Place { namespace, key }, ..GetItem::default() })
        }
        StoreLine::Put { namespace, key, value } => {
            Asked::Put(PutItem { place: Place { namespace, key }, value, ..PutItem::default() })
        }
        StoreLine::Delete { namespace, key } => Asked::Delete(Place { namespace, key }),
        StoreLine::Search { namespace, filter, query, limit } => {
            let search = SearchItems::below(&[]);
            let limit = limit.unwrap_or(search.limit);
            Asked::Search(SearchItems {
                prefix: namespace,
                filter: Filter::parse(&filter)?,
                query,
                limit,
                ..search
            })
        }
    })
}

/// As much of a line as an error shows.
pub(super) fn start(line: &str) -> String {
    if line.chars().count() <= 80 { line.to_owned() } else { line.chars().take(79).chain(['…']).collect() }
}
