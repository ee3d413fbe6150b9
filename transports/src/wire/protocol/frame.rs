//! What clients of the protocol are told: answers and events, each one document.

use std::sync::Arc;

use bytes::Bytes;
use eddyline_engine::project::protocol::Event;
use serde_json::{Map, Value, json};

use super::command::CommandId;
use super::problem::Problem;
use super::results::Document;
use crate::wire::json::encode_line;

/// A document on its way to a client, and the thread that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// `None` when it is about the connection.
    pub(crate) thread: Option<Arc<str>>,
    pub(crate) answer: Answer,
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A command is carried out.
    Success {
        id: CommandId,
        result: Document,
        /// The number up to which everything had happened when it was.
        through: Option<u64>,
    },
    /// A command is not carried out, or something ends that no command asked to end.
    Error {
        id: Option<CommandId>,
        problem: Problem,
        /// The subscription that it is about.
        subscription: Option<Arc<str>>,
        ends: Ends,
    },
    /// Something happened.
    Event {
        event: EventFrame,
        /// The subscriptions that see it.
        subscriptions: Vec<Arc<str>>,
    },
    /// A line that says something of the connection itself.
    Line(Document),
}

/// What ends with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Nothing.
    Nothing,
    /// A subscription, whose reader fell behind what is kept.
    Subscription,
    /// Everything: the server ends.
    Connection,
}

/// An event, encoded.
#[derive(Clone, Debug)]
pub(crate) struct EventFrame {
    pub(crate) method: &'static str,
    pub(crate) seq: u64,
    body: Bytes,
    /// Where in the document the data stand.
    data: std::ops::Range<usize>,
}

/// How every event begins; what a transport adds stands right behind it.
const EVENT: &str = r#"{"type":"event","#;

impl EventFrame {
    /// The event of this number.
    pub(crate) fn new(event: &Event, seq: u64) -> Self {
        let id = event_id(event, seq);
        let namespace: Vec<&str> = event.ns.iter().map(|level| &**level).collect();
        let text = |value: Value| String::from_utf8_lossy(&encode_line(&value)).into_owned();
        let mut body = format!(
            r#"{EVENT}"event_id":{},"seq":{seq},"method":"{}","params":{{"namespace":{},"timestamp":{},"data":"#,
            text(id.into()),
            event.method,
            text(namespace.into()),
            event.millis(),
        )
        .into_bytes();
        let start = body.len();
        body.extend_from_slice(&encode_line(&event.data));
        let data = start..body.len();
        if let Some(node) = &event.node {
            body.extend_from_slice(format!(r#","node":{}"#, text((**node).into())).as_bytes());
        }
        body.extend_from_slice(b"}}");
        Self { method: event.method, seq, body: body.into(), data }
    }

    /// The document.
    pub(crate) fn bytes(&self) -> Bytes {
        self.body.clone()
    }

    /// The document with nothing but the size of what it would say.
    fn without_data(&self) -> Bytes {
        let omitted = format!(r#"null,"omitted":{{"bytes":{}}}"#, self.data.len());
        let parts = [&self.body[..self.data.start], omitted.as_bytes(), &self.body[self.data.end..]];
        parts.concat().into()
    }
}

/// What names an event among all of its thread. Those that share a number say which of them they are.
pub(crate) fn event_id(event: &Event, seq: u64) -> String {
    match (&event.name, event.place.beyond) {
        (Some(name), _) => name.to_string(),
        (None, None) => format!("{}-{seq}", event.millis()),
        (None, Some(beyond)) => format!("{}-{seq}.{beyond}", event.millis()),
    }
}

impl Outgoing {
    /// What happened on a thread, or was done there.
    pub(crate) fn about(thread: &Arc<str>, answer: Answer) -> Self {
        Self { thread: Some(Arc::clone(thread)), answer }
    }

    /// The document, for a connection that is about one thread.
    pub(crate) fn plain(&self) -> Bytes {
        match &self.answer {
            Answer::Event { event, .. } => event.bytes(),
            answer => document(answer, None),
        }
    }

    /// The document with the thread and the subscriptions that it is about. An event that would be longer than `limit`
    /// goes without its data.
    pub(crate) fn addressed(&self, limit: Option<usize>) -> Bytes {
        let thread = self.thread.as_deref();
        let Answer::Event { event, subscriptions } = &self.answer else {
            return document(&self.answer, thread);
        };
        let subscriptions: Vec<&str> = subscriptions.iter().map(|id| &**id).collect();
        let address =
            format!(r#""thread_id":{},"subscription_ids":{},"#, json!(thread), json!(subscriptions));
        let is_too_long = limit.is_some_and(|limit| event.body.len() + address.len() > limit);
        let body = if is_too_long { event.without_data() } else { event.bytes() };
        [EVENT.as_bytes(), address.as_bytes(), &body[EVENT.len()..]].concat().into()
    }
}

fn document(answer: &Answer, thread: Option<&str>) -> Bytes {
    let mut map = Map::new();
    match answer {
        Answer::Success { id, result, through } => {
            map.insert("type".into(), "success".into());
            map.insert("id".into(), id.0.clone());
            map.extend(thread.map(|thread| ("thread_id".to_owned(), thread.into())));
            map.insert("result".into(), result.0.clone());
            map.extend(through.map(|seq| ("meta".to_owned(), json!({"applied_through_seq": seq}))));
        }
        Answer::Error { id, problem, subscription, .. } => {
            map.insert("type".into(), "error".into());
            map.insert("id".into(), id.as_ref().map_or(Value::Null, |id| id.0.clone()));
            map.extend(thread.map(|thread| ("thread_id".to_owned(), thread.into())));
            if let Some(id) = subscription.as_deref().filter(|_| thread.is_some()) {
                map.insert("subscription_id".into(), id.into());
            }
            problem.write(&mut map);
        }
        Answer::Line(document) => return encode_line(&document.0).into(),
        Answer::Event { event, .. } => return event.bytes(),
    }
    encode_line(&map.into()).into()
}

#[cfg(test)]
mod tests {
    use eddyline_engine::ids::Timestamp;
    use eddyline_engine::project::protocol::{Channel, Place};

    use super::*;

    fn event(data: Value) -> EventFrame {
        let event = Event {
            channel: Channel::Custom,
            method: "custom",
            ns: vec!["a:1".into()],
            at: Timestamp(1_500),
            node: Some("n".into()),
            place: Place { number: 0, beyond: None },
            name: None,
            data,
        };
        EventFrame::new(&event, 7)
    }

    fn addressed(event: EventFrame, limit: Option<usize>) -> Bytes {
        let answer = Answer::Event { event, subscriptions: vec!["s1".into()] };
        Outgoing::about(&"t".into(), answer).addressed(limit)
    }

    #[test]
    fn an_event_is_one_line_for_any_reader_of_lines() {
        let frame = event(json!({"payload": "a\u{2028}b\u{85}c\0\n"}));
        assert_eq!(
            frame.bytes(),
            concat!(
                r#"{"type":"event","event_id":"1-7","seq":7,"method":"custom","params":{"namespace":["a:1"],"#,
                r#""timestamp":1,"data":{"payload":"a\u2028b\u0085c"#,
                "\u{fffd}",
                r#"\n"},"node":"n"}}"#
            )
        );
    }

    #[test]
    fn what_a_transport_adds_can_be_taken_off_again() {
        let frame = event(json!(1));
        let line = String::from_utf8(addressed(frame.clone(), None).into()).unwrap();
        let address = r#""thread_id":"t","subscription_ids":["s1"],"#;
        assert!(line.starts_with(r#"{"type":"event","thread_id":"t""#), "{line}");
        assert_eq!(line.replace(address, ""), frame.bytes());
    }

    #[test]
    fn what_is_too_long_goes_without_its_data() {
        let line = addressed(event(json!("x".repeat(500))), Some(400));
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["params"]["data"], Value::Null);
        assert_eq!(line["params"]["omitted"], json!({"bytes": 502}));
        assert_eq!(line["params"]["node"], "n");
    }
}
