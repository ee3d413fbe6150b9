//! Event streams against another encoder: whatever the frames, a client of the standard reads the same
//! events from ours as from actix-web-lab's.

use std::convert::Infallible;

use actix_web::Responder as _;
use actix_web::body::to_bytes;
use actix_web::test::TestRequest;
use actix_web_lab::sse;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use serde_json::Value;

use super::event_stream::EventStream;
use crate::wire::{Frame, encode};

/// What a client has of an event.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    data: String,
    id: Option<String>,
}

/// Reads an event stream as the HTML standard says.
fn read(stream: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut event = Event::default();
    for line in stream.replace("\r\n", "\n").replace('\r', "\n").split('\n') {
        if line.is_empty() {
            let dispatched = std::mem::take(&mut event);
            if !dispatched.data.is_empty() {
                events.push(Event { data: dispatched.data.trim_end_matches('\n').to_owned(), ..dispatched });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "data" => event.data.extend([value, "\n"]),
            "id" => event.id = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}

async fn ours(frames: Vec<Frame>) -> Bytes {
    to_bytes(EventStream::new(stream::iter(frames.into_iter().map(Ok)), std::future::pending()))
        .await
        .unwrap()
}

async fn theirs(frames: Vec<Frame>) -> Bytes {
    let events = stream::iter(frames).map(|frame| {
        let text = String::from_utf8(frame.data.into()).unwrap();
        let data = sse::Data::new(text).event(frame.event);
        let data = frame.id.into_iter().fold(data, sse::Data::id);
        Ok::<_, Infallible>(sse::Event::Data(data))
    });
    let request = TestRequest::default().to_http_request();
    to_bytes(sse::Sse::from_stream(events).respond_to(&request).into_body()).await.unwrap()
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Line ends of every kind, colons and spaces are what event streams trip over.
        "[\\PC\r\n\u{85}\u{2028}: \"\\\\]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = "[a-z:\n ]{0,4}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let id = prop::option::of((any::<u32>(), any::<u8>()).prop_map(|(ms, seq)| format!("{ms}-{seq}")));
    let frame = ("[a-z/]{1,9}(\\|[a-z]{1,5}:[0-9a-f-]{8}){0,2}", documents(), id);
    let frame = frame.prop_map(|(event, data, id)| Frame { event, data: encode(&data).unwrap(), id });
    prop::collection::vec(frame, 0..8)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn clients_read_the_same_from_both_encoders(frames in frames()) {
        let (ours, theirs) = run(async { (ours(frames.clone()).await, theirs(frames.clone()).await) });
        let (ours, theirs) = (str::from_utf8(&ours).unwrap(), str::from_utf8(&theirs).unwrap());
        let expected: Vec<Event> = frames.into_iter().map(|frame| Event {
            name: frame.event,
            data: String::from_utf8(frame.data.into()).unwrap(),
            id: frame.id,
        }).collect();
        prop_assert_eq!(read(ours), expected);
        prop_assert_eq!(read(ours), read(theirs));
        prop_assert!(!ours.replace("\r\n", "").contains(['\r', '\n']), "every line ends in CR LF");
    }
}
