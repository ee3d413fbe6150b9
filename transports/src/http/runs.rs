//! The routes that start runs: and read their events, or wait for their end, or let them be.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::{Handle, Run, StartRun, Subscription};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::leaving::Leaving;
use super::request::{Served, detached, query, thread_id};
use super::told::{self, At, OrElse};
use crate::wire::{Cancel, CancelBody, Events, Refusal, RunBody, RunJson};

/// `POST /threads/{thread_id}/runs/stream`: a run on a thread, and its events.
pub(super) async fn stream_on_thread(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let started = start(&served, Some(thread_id(&path)?), Attended::Yes, &asked, payload).await?;
    let at = At::thread(&started.run);
    Ok(started.stream(&at, &served))
}

/// `POST /runs/stream`: a run on a thread of its own, and its events.
pub(super) async fn stream(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let started = start(&served, None, Attended::Yes, &asked, payload).await?;
    let at = At::run(&started.run);
    Ok(started.stream(&at, &served))
}

/// `POST /threads/{thread_id}/runs/wait`: a run on a thread, and what it comes to.
pub(super) async fn wait_on_thread(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    Ok(start(&served, Some(thread_id(&path)?), Attended::Yes, &asked, payload)
        .await?
        .wait(OrElse::Thread, &served))
}

/// `POST /runs/wait`: a run on a thread of its own, and what it comes to.
pub(super) async fn wait(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    Ok(start(&served, None, Attended::Yes, &asked, payload).await?.wait(OrElse::Nothing, &served))
}

/// `POST /threads/{thread_id}/runs`: a run on a thread, that nobody waits for.
pub(super) async fn create_on_thread(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let run = start(&served, Some(thread_id(&path)?), Attended::No, &asked, payload).await?.run;
    Ok(created(&run, &At::thread(&run)))
}

/// `POST /runs`: a run on a thread of its own, that nobody waits for.
pub(super) async fn create(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let run = start(&served, None, Attended::No, &asked, payload).await?.run;
    Ok(created(&run, &At::run(&run)))
}

/// `POST /runs/batch`: several runs, each on a thread of its own. All of them are started, or none.
pub(super) async fn batch(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let bodies = served.list::<RunBody>(payload).await?.into_iter();
    let request = |body: RunBody| Ok(StartRun { attended: false, ..body.into_request(None)? });
    let requests: Vec<StartRun> = bodies.map(request).collect::<Result<_, Refusal>>()?;
    let runtime = served.runtime_in_name_of(&asked);
    let runs = detached(async move { start_all(&runtime, requests).await }).await?;
    Ok(answer::json(&runs.iter().map(RunJson).collect::<Vec<_>>()))
}

/// `POST /runs/cancel`: stops several runs, and does not wait for them.
pub(super) async fn cancel(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let cancel = Cancel::from_query(&query(&asked)?);
    let request = served.body::<CancelBody>(payload).await?.into_request(cancel)?;
    let runtime = served.runtime_for(&asked);
    match detached(async move { runtime.cancel_runs(request).await }).await? {
        0 => Err(Refusal::not_found("No runs found to cancel.")),
        _ => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Starts runs in their order; when one is refused, those before it go again, with their threads.
async fn start_all(runtime: &Handle, requests: Vec<StartRun>) -> Result<Vec<Run>, eddyline_runtime::Error> {
    let mut started: Vec<Run> = Vec::with_capacity(requests.len());
    for request in requests {
        match runtime.start_run(request).await {
            Ok((run, _)) => started.push(run),
            Err(error) => {
                for run in started {
                    // One that is over already has taken its thread with it.
                    let _ = runtime.delete_thread(run.thread_id).await;
                }
                return Err(error);
            }
        }
    }
    Ok(started)
}

fn created(run: &Run, at: &At) -> HttpResponse {
    let mut answer = answer::json(&RunJson(run));
    at.content_location(answer.headers_mut());
    answer
}

/// Whether the client waits for what it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attended {
    Yes,
    No,
}

/// A run that is taken in, with its events from the first one on.
struct Started {
    run: Run,
    subscription: Subscription,
    /// As whoever asked for it sees it.
    runtime: Handle,
    /// Whether a reader that goes away takes the run with it.
    cancel_on_disconnect: bool,
}

impl Started {
    /// Who cancels the run when its reader goes away.
    fn cancels(&self) -> Option<Handle> {
        self.cancel_on_disconnect.then(|| self.runtime.clone())
    }

    fn stream(self, at: &At, served: &Served) -> HttpResponse {
        let leaving = Leaving::new(&self.run, self.cancels(), served);
        let frames = told::frames(&self.run, Events::new(&self.run), self.subscription, self.runtime);
        told::event_stream(at, leaving.watch(frames), served)
    }

    fn wait(self, or_else: OrElse, served: &Served) -> HttpResponse {
        let leaving = Leaving::new(&self.run, self.cancels(), served);
        let result = told::result(self.run.clone(), self.subscription, or_else, leaving, self.runtime);
        told::document(&self.run, result, served)
    }
}

/// Starts the run that the body asks for. It is started even when the client goes away meanwhile.
async fn start(
    served: &Served,
    thread_id: Option<Uuid>,
    attended: Attended,
    asked: &HttpRequest,
    payload: Payload,
) -> Result<Started, Refusal> {
    let body = served.body::<RunBody>(payload).await?;
    let cancel_on_disconnect = body.cancels_on_disconnect();
    let request = StartRun { attended: attended == Attended::Yes, ..body.into_request(thread_id)? };
    let (starter, runtime) = (served.runtime_in_name_of(asked), served.runtime_for(asked));
    let (run, subscription) = detached(async move { starter.start_run(request).await }).await?;
    Ok(Started { run, subscription, runtime, cancel_on_disconnect })
}
