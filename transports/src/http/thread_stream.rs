//! The stream of a whole thread: what happens in all its runs, present and to come.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use eddyline_engine::fact::Body;
use eddyline_runtime::{CheckpointAddress, Delivery, Entry, Error, Handle, Listen, ReadState, Subscription};
use futures_util::{Stream, StreamExt as _, stream};
use uuid::Uuid;

use super::answer::Answer;
use super::request::{Served, last_event_id, query, thread_id};
use super::told;
use super::waiting::BrokenOff;
use crate::wire::{Frame, ThreadEvents, ThreadModes, thread_place};

/// `GET /threads/{thread_id}/stream`: it ends when the thread goes, or the server.
pub(super) async fn stream(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let thread_id = thread_id(&path)?;
    let modes = ThreadModes::from_query(&query(&asked)?)?;
    let place = thread_place(last_event_id(&asked))?;
    let request = Listen { thread_id, run_id: None, begin: place.begin(), tokens: false };
    let runtime = served.runtime_for(&asked);
    let all = runtime.listen(request).await?;
    let events = ThreadEvents::new(modes, place);
    Ok(told::events(frames(events, modes, all, runtime), &served))
}

/// The frames of a thread for one reader. Dropping them unsubscribes.
fn frames(
    events: ThreadEvents,
    modes: ThreadModes,
    all: Subscription,
    runtime: Handle,
) -> impl Stream<Item = Result<Frame, BrokenOff>> {
    let told = stream::unfold((events, all, runtime, false), move |reading| async move {
        let (mut events, mut all, runtime, is_over) = reading;
        let thread_id = all.thread_id();
        let Some(delivery) = all.next().await else {
            // It goes on when the server does; a thread that was deleted is over.
            let ends = matches!(runtime.thread(thread_id).await, Err(Error::Stopping));
            return (ends && !is_over).then(|| (vec![Err(BrokenOff)], (events, all, runtime, true)));
        };
        let frames = match delivery {
            // What a reader of a whole thread lost, it can read as states and runs.
            Delivery::Gap(_) => {
                events.lost();
                Vec::new()
            }
            Delivery::Present => {
                events.is_present();
                Vec::new()
            }
            Delivery::Fact(entry) => match entry.fact.body {
                Body::StateUpdated { checkpoint } if modes.shows_states() => {
                    let state = state(&runtime, thread_id, checkpoint).await;
                    state.and_then(|state| events.of_state(entry.seq, &state)).into_iter().collect()
                }
                _ => of_run(&mut events, &entry, &runtime, thread_id).await,
            },
        };
        Some((frames.into_iter().map(Ok).collect(), (events, all, runtime, is_over)))
    });
    told.flat_map(stream::iter)
}

async fn of_run(events: &mut ThreadEvents, entry: &Entry, runtime: &Handle, thread_id: Uuid) -> Vec<Frame> {
    if events.needs(entry.run_id) {
        match runtime.run(thread_id, entry.run_id).await {
            Ok(run) => events.meet(&run),
            // It was taken back meanwhile.
            Err(_) => return Vec::new(),
        }
    }
    events.of(entry)
}

async fn state(runtime: &Handle, thread_id: Uuid, checkpoint: Uuid) -> Option<eddyline_runtime::ThreadState> {
    let checkpoint = CheckpointAddress::of_id(checkpoint);
    runtime.state(ReadState { thread_id, checkpoint, subgraphs: false }).await.ok()
}
