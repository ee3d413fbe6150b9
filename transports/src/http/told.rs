//! How a run is told over HTTP: as a stream of its events, or as the document that it comes to; and where
//! clients find it again.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, ContentType, HeaderMap, HeaderValue, LOCATION,
};
use bytes::Bytes;
use eddyline_engine::fact::Body;
use eddyline_runtime::{Delivery, Error, Handle, Run, Subscription};
use futures_util::{Stream, StreamExt as _, stream};
use uuid::Uuid;

use super::event_stream::EventStream;
use super::leaving::Leaving;
use super::request::Served;
use super::waiting::{BrokenOff, Waiting};
use crate::wire::{Events, Frame, RunResult, encode, result_of_thread};

/// The path of a run. Clients put their own address before it, and read the run's id off its end.
pub(super) struct At(String);

impl At {
    /// `/threads/{thread_id}/runs/{run_id}`.
    pub(super) fn thread(run: &Run) -> Self {
        Self(format!("/threads/{}/runs/{}", run.thread_id, run.run_id))
    }

    /// `/runs/{run_id}`.
    pub(super) fn run(run: &Run) -> Self {
        Self(format!("/runs/{}", run.run_id))
    }

    pub(super) fn content_location(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(CONTENT_LOCATION, value);
        }
    }
}

/// The frames of a run for one reader; they break off when the server ends before the run does. Dropping them
/// unsubscribes.
pub(super) fn frames(
    run: &Run,
    events: Events,
    subscription: Subscription,
    runtime: Handle,
) -> impl Stream<Item = Result<Frame, BrokenOff>> + use<> {
    let ids = (run.thread_id, run.run_id);
    let events = events.with_feedback(runtime.feedback_links(run));
    let told = stream::unfold(Some((events, subscription, false)), move |reading| {
        let runtime = runtime.clone();
        async move {
            let (mut events, mut subscription, ended) = reading?;
            Some(match subscription.next().await {
                Some(Delivery::Fact(entry)) => {
                    if let Some(last) = events.begins_too_late(entry.seq, &entry.fact) {
                        return Some((vec![Ok(last)], None));
                    }
                    let frames = events.of(entry.seq, &entry.fact).into_iter().map(Ok).collect();
                    let ended = matches!(entry.fact.body, Body::RunEnded { .. });
                    (frames, Some((events, subscription, ended)))
                }
                Some(Delivery::Gap(gap)) => match events.hole(gap) {
                    None => (Vec::new(), Some((events, subscription, ended))),
                    Some(last) => (vec![Ok(last)], None),
                },
                Some(Delivery::Present) => {
                    events.is_present();
                    (Vec::new(), Some((events, subscription, ended)))
                }
                None if !ended && goes_on(ids, &runtime).await => (vec![Err(BrokenOff)], None),
                None => return None,
            })
        }
    });
    told.flat_map(stream::iter)
}

/// The events of a run: 200, and headers at once; what goes wrong from here on is told in the stream.
pub(super) fn event_stream(
    at: &At,
    frames: impl Stream<Item = Result<Frame, BrokenOff>> + 'static,
    served: &Served,
) -> HttpResponse {
    let mut answer = events(frames, served);
    // Clients take up a broken stream at the one, and read the run's id off the end of the other.
    if let Ok(location) = HeaderValue::from_str(&format!("{}/stream", at.0)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    at.content_location(answer.headers_mut());
    answer
}

/// A stream of events that is nowhere else.
pub(super) fn events(
    frames: impl Stream<Item = Result<Frame, BrokenOff>> + 'static,
    served: &Served,
) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that gather answers before they pass them on would make an end of streaming.
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream; charset=utf-8")
        .body(EventStream::new(frames, served.last_moment()))
}

/// 200, and headers at once: the document follows when the run is over, and if the run failed it says so.
pub(super) fn document(
    run: &Run,
    document: impl Future<Output = Option<Bytes>> + 'static,
    served: &Served,
) -> HttpResponse {
    let At(at) = At::thread(run);
    HttpResponse::Ok()
        .insert_header((LOCATION, format!("{at}/join")))
        .insert_header((CONTENT_LOCATION, at))
        .content_type(ContentType::json())
        .body(Waiting::new(document, served.last_moment()))
}

/// True when the run is not over although its stream is: the server ends, and the run goes on with its next start.
async fn goes_on((thread_id, run_id): (Uuid, Uuid), runtime: &Handle) -> bool {
    match runtime.settled_run(thread_id, run_id).await {
        Ok(run) => !run.status.is_final(),
        Err(error) => matches!(error, Error::Stopping | Error::Storage(_)),
    }
}

/// What is said of a run whose events say nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OrElse {
    /// How its thread stands after it.
    Thread,
    /// Nothing.
    Nothing,
}

/// What the events of a run come to, from now to its end.
pub(super) async fn result(
    run: Run,
    mut subscription: Subscription,
    or_else: OrElse,
    mut leaving: Leaving,
    runtime: Handle,
) -> Option<Bytes> {
    let mut result = RunResult::of(&run).with_feedback(runtime.feedback_links(&run));
    let mut ended = false;
    while let Some(delivery) = subscription.next().await {
        // What is lost in a gap is not the end, and the thread knows what came before.
        if let Delivery::Fact(entry) = delivery {
            ended = matches!(entry.fact.body, Body::RunEnded { .. });
            result.see(&entry.fact);
        }
    }
    leaving.told();
    if !ended && goes_on((run.thread_id, run.run_id), &runtime).await {
        return None;
    }
    let told = match (result.told(), or_else) {
        (Some(told), _) => told,
        (None, OrElse::Nothing) => result_of_thread(None),
        (None, OrElse::Thread) => match runtime.thread(run.thread_id).await {
            Ok(thread) => result_of_thread(Some(&thread)),
            Err(Error::Stopping) => return None,
            // A thread that was made for the run is gone with it.
            Err(_) => result_of_thread(None),
        },
    };
    encode(&told).ok()
}
