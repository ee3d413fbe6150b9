//! What a client wants to be told, and from where on.

use eddyline_engine::project::protocol::{Channel, Filter, Interest};
use serde_json::{Map, Value};

use super::command::text;
use super::problem::Problem;
use crate::wire::{Reason, Refusal};

/// A request to be told events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscribe {
    pub(crate) filter: Filter,
    pub(crate) from: From,
    /// How many events may be on their way without the client's word that it has read them.
    pub(crate) window: Option<usize>,
    /// The id of the subscription that goes on.
    pub(crate) keep: Option<String>,
}

/// From where on events are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// From the oldest that is kept.
    Oldest,
    /// After the event of this number.
    After(u64),
    /// After the event of this id.
    AfterEvent(String),
}

impl Subscribe {
    pub(super) fn read(params: &Map<String, Value>, method: &str) -> Result<Self, Problem> {
        let channels = params.get("channels").and_then(Value::as_array).filter(|list| !list.is_empty());
        let Some(channels) = channels else {
            return Err(Problem::invalid(format!("{method} requires a non-empty list of channels.")));
        };
        let interests: Option<Vec<Interest>> = channels.iter().map(interest).collect();
        let unsupported = || Problem::invalid(format!("{method} received an unsupported channel."));
        // One bad namespace makes all of them none.
        let namespaces = params.get("namespaces").and_then(Value::as_array);
        let namespaces = namespaces.and_then(|list| list.iter().map(levels).collect()).unwrap_or_default();
        let window = params.get("window").and_then(Value::as_u64).filter(|window| *window > 0);
        Ok(Self {
            filter: Filter::new(interests.ok_or_else(unsupported)?).within(namespaces, depth(params)),
            from: from(params, None),
            window: window.map(|window| usize::try_from(window).unwrap_or(usize::MAX)),
            keep: text(params, "subscription_id").map(str::to_owned),
        })
    }

    /// `subscription.reconnect`: with a place to go on from.
    pub(super) fn read_again(params: &Map<String, Value>) -> Result<Self, Problem> {
        let last_event = text(params, "last_event_id");
        let from = match (params.get("since").and_then(Value::as_u64), last_event) {
            (Some(since), _) => From::After(since),
            (None, Some(id)) if !params.contains_key("since") => From::AfterEvent(id.to_owned()),
            _ => {
                return Err(Problem::invalid(
                    "subscription.reconnect requires a non-negative integer since.",
                ));
            }
        };
        Ok(Self { from, ..Self::read(params, "subscription.reconnect")? })
    }
}

/// The body of an event stream, and the id of the last event that its client has.
pub(crate) fn stream_body(bytes: &[u8], last_event_id: Option<&str>) -> Result<Subscribe, Refusal> {
    let refused = |detail: String| Refusal::new(Reason::BadRequest, detail);
    let body: Value = serde_json::from_slice(bytes).map_err(|_| refused("Invalid JSON body".to_owned()))?;
    let none = Map::new();
    let body = body.as_object().unwrap_or(&none);
    let channels = body.get("channels").and_then(Value::as_array).filter(|list| !list.is_empty());
    let Some(channels) = channels else {
        return Err(refused("channels is required and must be a non-empty array".to_owned()));
    };
    let unsupported: Vec<String> =
        channels.iter().filter(|channel| interest(channel).is_none()).take(5).map(shown).collect();
    if !unsupported.is_empty() {
        let allowed = Channel::ALL.map(|(_, name)| name).join(", ");
        let unsupported = unsupported.join(", ");
        let detail = format!(
            "channels contains unsupported entries: {unsupported}. Allowed: {allowed}, custom:<name>"
        );
        return Err(refused(detail));
    }
    let interests = channels.iter().filter_map(interest).collect();
    // Bad namespaces are left out one by one.
    let namespaces = body.get("namespaces").and_then(Value::as_array);
    let namespaces = namespaces.into_iter().flatten().filter_map(levels).collect();
    let filter = Filter::new(interests).within(namespaces, depth(body));
    Ok(Subscribe { filter, from: from(body, last_event_id), window: None, keep: None })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn interest(channel: &Value) -> Option<Interest> {
    channel.as_str().and_then(Interest::from_name)
}

fn levels(namespace: &Value) -> Option<Vec<String>> {
    namespace.as_array()?.iter().map(|level| level.as_str().map(str::to_owned)).collect()
}

fn depth(params: &Map<String, Value>) -> Option<usize> {
    params.get("depth").and_then(Value::as_u64).and_then(|depth| usize::try_from(depth).ok())
}

fn from(params: &Map<String, Value>, last_event_id: Option<&str>) -> From {
    let event = ["since_event_id", "sinceEventId"].iter().find_map(|name| text(params, name));
    let event = event.or(last_event_id.filter(|id| !id.trim().is_empty()));
    match (params.get("since").and_then(Value::as_u64), event) {
        (Some(since), _) => From::After(since),
        (None, Some(id)) => From::AfterEvent(id.to_owned()),
        (None, None) => From::Oldest,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(body: &Value) -> Result<Subscribe, String> {
        stream_body(body.to_string().as_bytes(), None).map_err(|refusal| refusal.detail)
    }

    #[test]
    fn the_body_of_a_stream_is_read_leniently_where_it_may_be() {
        let missing = "channels is required and must be a non-empty array";
        assert_eq!(body(&json!({})).unwrap_err(), missing);
        assert_eq!(body(&json!({"channels": []})).unwrap_err(), missing);
        assert_eq!(stream_body(b"{", None).unwrap_err().detail, "Invalid JSON body");
        assert!(
            body(&json!({"channels": ["debug", 3, "values"]}))
                .unwrap_err()
                .starts_with("channels contains unsupported entries: debug, 3. Allowed: values, updates,")
        );
        let read = body(&json!({
            "channels": ["values", "custom:x"], "namespaces": [["a"], 3, [1]], "depth": true, "since": -1,
        }));
        let read = read.unwrap();
        let interests = vec![Interest::All(Channel::Values), Interest::Custom("x".into())];
        assert_eq!(read.filter, Filter::new(interests).within(vec![vec!["a".to_owned()]], None));
        assert_eq!(read.from, From::Oldest);
    }

    #[test]
    fn a_place_is_a_number_or_the_id_of_an_event() {
        let place = |more: Value| {
            let mut all = json!({"channels": ["values"]});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body(&all).unwrap().from
        };
        assert_eq!(place(json!({"since": 7})), From::After(7));
        assert_eq!(place(json!({"since_event_id": "a"})), From::AfterEvent("a".into()));
        assert_eq!(place(json!({"sinceEventId": "a"})), From::AfterEvent("a".into()));
        let read = stream_body(br#"{"channels":["values"]}"#, Some("1-2")).unwrap();
        assert_eq!(read.from, From::AfterEvent("1-2".into()));
    }

    #[test]
    fn a_subscription_is_refused_as_a_whole() {
        let read = |value: Value| Subscribe::read(value.as_object().unwrap(), "subscription.subscribe");
        let bad = read(json!({"channels": ["values", "debug"]})).unwrap_err();
        assert_eq!(bad, Problem::invalid("subscription.subscribe received an unsupported channel."));
        let read = read(json!({"channels": ["values"], "namespaces": [[], [3]], "depth": 0})).unwrap();
        assert!(read.filter.covers(&["deep:1".into()]), "no namespace is left");
        let again = |value: Value| Subscribe::read_again(value.as_object().unwrap());
        let required = Problem::invalid("subscription.reconnect requires a non-negative integer since.");
        assert_eq!(again(json!({"channels": ["values"], "since": "x"})), Err(required.clone()));
        assert_eq!(again(json!({"channels": ["values"]})), Err(required));
        let place = again(json!({"channels": ["values"], "last_event_id": "e"})).unwrap().from;
        assert_eq!(place, From::AfterEvent("e".into()));
    }
}
