//! The routes that start runs.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_LOCATION, LOCATION};
use actix_web::web::{Data, Path, Payload};
use eddyline_runtime::{Delivery, Run, StartRun, Subscription};
use futures_util::{Stream, StreamExt as _, stream};

use super::answer::Answer;
use super::event_stream::EventStream;
use super::request::{Served, detached, thread_id};
use crate::wire::{Events, Frame, Refusal, RunBody, lost_its_place};

/// `POST /threads/{thread_id}/runs/stream`: a run on a thread, and its events.
pub(super) async fn stream_on_thread(served: Data<Served>, path: Path<String>, payload: Payload) -> Answer {
    let thread_id = thread_id(&path)?;
    let request = served.body::<RunBody>(payload).await?.into_request(Some(thread_id))?;
    let (run, events) = start(&served, request).await?;
    Ok(event_stream(&format!("/threads/{thread_id}/runs/{}", run.run_id), events, &served))
}

/// `POST /runs/stream`: a run on a thread of its own, and its events.
pub(super) async fn stream(served: Data<Served>, payload: Payload) -> Answer {
    let request = served.body::<RunBody>(payload).await?.into_request(None)?;
    let (run, events) = start(&served, request).await?;
    Ok(event_stream(&format!("/runs/{}", run.run_id), events, &served))
}

/// Starts a run and listens to it from its first fact on.
async fn start(
    served: &Served,
    request: StartRun,
) -> Result<(Run, impl Stream<Item = Frame> + use<>), Refusal> {
    let runtime = served.runtime.clone();
    let (run, subscription) = detached(async move { runtime.start_run(request).await }).await?;
    let events = Events::new(&run);
    Ok((run, frames(events, subscription)))
}

/// The frames of a run for one reader. Dropping them unsubscribes.
fn frames(events: Events, subscription: Subscription) -> impl Stream<Item = Frame> {
    let told = stream::unfold(Some((events, subscription)), async |reading| {
        let (mut events, mut subscription) = reading?;
        Some(match subscription.next().await? {
            Delivery::Fact(entry) => (events.of(&entry.fact), Some((events, subscription))),
            Delivery::Gap(_) => (vec![lost_its_place()], None),
        })
    });
    told.flat_map(stream::iter)
}

/// 200, and headers at once: what goes wrong from here on is told in the stream.
fn event_stream(run: &str, frames: impl Stream<Item = Frame> + 'static, served: &Served) -> HttpResponse {
    HttpResponse::Ok()
        // Clients take up a broken stream at the one, and read the run's id off the end of the other.
        .insert_header((LOCATION, format!("{run}/stream")))
        .insert_header((CONTENT_LOCATION, run))
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that gather answers before they pass them on would make an end of streaming.
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream; charset=utf-8")
        .body(EventStream::new(frames, &served.stop))
}
