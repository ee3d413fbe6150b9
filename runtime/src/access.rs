//! What whoever asks may do, and with what: asked once for each thing that a [`Handle`](crate::Handle) is asked to do.
//!
//! Whose a row is, its metadata says. Nothing here knows who anybody is, or why they may: that is the business of
//! whoever limits the handle.

use std::sync::Arc;

use eddyline_engine::store::ListNamespaces;
use serde_json::{Map, Value};

use crate::containment::{both, contains_all};
use crate::error::Error;

/// What is asked for. Runs are a part of their threads, as in LangGraph's table of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Threads, with their states, runs and events.
    Threads,
    /// Assistants and their versions.
    Assistants,
    /// Crons.
    Crons,
    /// Items of the long-term store.
    Store,
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Make one.
    Create,
    /// Read one, or listen to it.
    Read,
    /// Change one; of a thread, to change its state or cancel its runs too.
    Update,
    /// Delete one, or a part of it.
    Delete,
    /// Find or count several; of a thread, to list its runs too.
    Search,
    /// Start a run on a thread, or on a new one; a cron does it later.
    CreateRun,
    /// Put an item into the store.
    Put,
    /// Read an item of the store.
    Get,
    /// List namespaces of the store.
    ListNamespaces,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may be done, with everything that there is.
    All,
    /// It may be done with threads, assistants and crons whose metadata [contains](crate::contains) this. All others
    /// are as if they were not there. What is made has it in its metadata, and what is changed keeps it.
    Rows(Map<String, Value>),
    /// It may be done with items of the store whose namespaces begin with this.
    Below(Vec<String>),
    /// It may not be done. The text is for the client.
    Deny(String),
}

impl Verdict {
    /// It may be done with rows whose metadata has this text under this name.
    pub fn rows(name: &str, text: &str) -> Self {
        Self::Rows(Map::from_iter([(name.to_owned(), text.into())]))
    }
}

/// Decides. Asked often, and where nobody can wait: what has to be looked up is looked up before.
pub(crate) type Limits = dyn Fn(Resource, Action) -> Verdict + Send + Sync;

/// Which threads, assistants or crons something may be done with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(Option<Arc<Map<String, Value>>>);

impl Rows {
    /// What a verdict means for rows; one that is about something else means none of them.
    pub(crate) fn of(verdict: Verdict) -> Result<Self, Error> {
        match verdict {
            Verdict::All => Ok(Self::default()),
            Verdict::Rows(filter) => Ok(Self(Some(Arc::new(filter)))),
            Verdict::Below(_) => Err(Error::forbidden("Forbidden")),
            Verdict::Deny(message) => Err(Error::Forbidden { message }),
        }
    }

    /// Every one.
    pub(crate) fn all() -> Self {
        Self::default()
    }

    pub(crate) fn are_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether one of this metadata is among them.
    pub(crate) fn have(&self, metadata: &Map<String, Value>) -> bool {
        self.0.as_ref().is_none_or(|filter| contains_all(metadata, filter))
    }

    /// Makes the metadata of a new row that of one among them, whatever a client said.
    pub(crate) fn stamp(&self, metadata: &mut Map<String, Value>) {
        for (key, value) in self.0.iter().flat_map(|filter| filter.iter()) {
            metadata.insert(key.clone(), value.clone());
        }
    }

    /// Takes out of a change what would make it a row of others.
    pub(crate) fn keep(&self, change: &mut Map<String, Value>) {
        if let Some(filter) = &self.0 {
            change.retain(|key, _| !filter.contains_key(key));
        }
    }

    /// The filter that means those that `filter` means and that are among them; `None` when there can be none.
    pub(crate) fn narrow(&self, filter: Map<String, Value>) -> Option<Map<String, Value>> {
        match &self.0 {
            None => Some(filter),
            Some(own) => both(filter, own),
        }
    }
}

/// Which items something may be done with: those whose namespaces begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Below(Vec<String>);

impl Below {
    /// What a verdict means for items; one that is about something else means none of them.
    pub(crate) fn of(verdict: Verdict) -> Result<Self, Error> {
        match verdict {
            Verdict::All => Ok(Self(Vec::new())),
            // In a listing it would be any label.
            Verdict::Below(prefix) if !prefix.iter().any(|label| label == "*") => Ok(Self(prefix)),
            Verdict::Below(_) | Verdict::Rows(_) => Err(Error::forbidden("Forbidden")),
            Verdict::Deny(message) => Err(Error::Forbidden { message }),
        }
    }

    pub(crate) fn has(&self, namespace: &[String]) -> bool {
        namespace.starts_with(&self.0)
    }

    /// Refuses a namespace that is not below.
    pub(crate) fn check(&self, namespace: &[String]) -> Result<(), Error> {
        if self.has(namespace) {
            return Ok(());
        }
        let prefix = self.0.join(".");
        Err(Error::Forbidden { message: format!("Namespaces have to begin with `{prefix}` here") })
    }

    /// The prefix that means those namespaces that begin with `prefix` and are below; `None` when there are none.
    pub(crate) fn narrow(&self, prefix: Vec<String>) -> Option<Vec<String>> {
        if self.has(&prefix) {
            return Some(prefix);
        }
        self.0.starts_with(&prefix).then(|| self.0.clone())
    }

    /// The same of a listing, whose prefix may have `*` for any label.
    pub(crate) fn narrow_list(&self, mut list: ListNamespaces) -> Option<ListNamespaces> {
        for (place, label) in self.0.iter().enumerate() {
            match list.prefix.get_mut(place) {
                None => list.prefix.push(label.clone()),
                Some(wanted) if wanted == "*" => wanted.clone_from(label),
                Some(wanted) if wanted == label => {}
                Some(_) => return None,
            }
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value} is no object") };
        map
    }

    fn rows(filter: Value) -> Rows {
        Rows::of(Verdict::Rows(object(filter))).unwrap()
    }

    fn below(labels: &[&str]) -> Below {
        Below::of(Verdict::Below(owned(labels))).unwrap()
    }

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn what_is_made_belongs_to_whoever_makes_it_and_stays_so() {
        let kim = rows(json!({"owner": "kim"}));
        let mut metadata = object(json!({"owner": "lee", "a": 1}));
        assert!(!kim.have(&metadata));
        kim.stamp(&mut metadata);
        assert_eq!(Value::Object(metadata.clone()), json!({"owner": "kim", "a": 1}));
        assert!(kim.have(&metadata));
        let mut change = object(json!({"owner": "lee", "b": 2}));
        kim.keep(&mut change);
        assert_eq!(Value::Object(change), json!({"b": 2}));
        assert!(Rows::all().have(&metadata) && Rows::all().are_all());
    }

    #[test]
    fn a_search_finds_what_both_mean() {
        let check = |filter: Value, expected: Option<Value>| {
            let narrow = rows(json!({"owner": "kim", "of": {"team": 1}})).narrow(object(filter));
            assert_eq!(narrow.map(Value::Object), expected);
        };
        check(json!({}), Some(json!({"owner": "kim", "of": {"team": 1}})));
        check(json!({"owner": "kim", "a": 1}), Some(json!({"owner": "kim", "a": 1, "of": {"team": 1}})));
        check(json!({"owner": "lee"}), None);
        check(json!({"owner": null}), None);
        check(json!({"owner": {}}), None);
        check(json!({"of": {"b": 2}}), Some(json!({"owner": "kim", "of": {"team": 1, "b": 2}})));
        check(json!({"of": {"team": 1.0}}), Some(json!({"owner": "kim", "of": {"team": 1.0}})));
    }

    #[test]
    fn namespaces_begin_as_they_have_to() {
        let kim = below(&["kim"]);
        assert!(kim.check(&owned(&["kim", "a"])).is_ok() && kim.check(&owned(&["kim"])).is_ok());
        for other in [&["lee"][..], &["*"], &[], &["kimono"]] {
            assert_eq!(kim.check(&owned(other)).unwrap_err().code(), "FORBIDDEN");
        }
        assert_eq!(kim.narrow(owned(&[])), Some(owned(&["kim"])));
        assert_eq!(kim.narrow(owned(&["kim", "a"])), Some(owned(&["kim", "a"])));
        assert_eq!(kim.narrow(owned(&["lee"])), None);
        let list = |prefix: &[&str]| {
            let list = ListNamespaces { prefix: owned(prefix), ..ListNamespaces::default() };
            below(&["kim", "a"]).narrow_list(list).map(|list| list.prefix)
        };
        for known in [&[][..], &["*"], &["kim"], &["*", "*"], &["kim", "*"]] {
            assert_eq!(list(known), Some(owned(&["kim", "a"])));
        }
        assert_eq!(list(&["*", "*", "*"]), Some(owned(&["kim", "a", "*"])));
        assert_eq!(list(&["lee"]), None);
        assert_eq!(list(&["*", "b"]), None);
    }

    #[test]
    fn a_verdict_about_something_else_is_none() {
        assert!(Rows::of(Verdict::Below(Vec::new())).is_err());
        assert!(Below::of(Verdict::Rows(Map::new())).is_err());
        assert!(Below::of(Verdict::Below(owned(&["*"]))).is_err());
        let denied = Rows::of(Verdict::Deny("not now".to_owned())).unwrap_err();
        assert_eq!((denied.code(), denied.to_string().as_str()), ("FORBIDDEN", "not now"));
    }
}
