//! The routes of runs that are there already.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::{Begin, Handle, Listen, Run, Subscription};

use super::answer::{self, Answer};
use super::leaving::Leaving;
use super::request::{Served, detached, last_event_id, query, run_id, thread_id};
use super::told::{self, At, OrElse};
use crate::wire::{Cancel, Events, Place, Refusal, RunJson, Wanted, list_runs};

/// `GET /threads/{thread_id}/runs`.
pub(super) async fn list(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let (request, select) = list_runs(thread_id(&path)?, &query(&asked)?)?;
    let runs = served.runtime_for(&asked).runs(request).await?;
    answer::selected(runs.iter().map(RunJson), &select)
}

/// `GET /threads/{thread_id}/runs/{run_id}`.
pub(super) async fn read(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    Ok(answer::json(&RunJson(&find(&served, &path, &asked).await?)))
}

/// `DELETE /threads/{thread_id}/runs/{run_id}`.
pub(super) async fn delete(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    let (thread_id, run_id) = (thread_id(&path.0)?, run_id(&path.1)?);
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.delete_run(thread_id, run_id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /threads/{thread_id}/runs/{run_id}/join`: what the run comes to. Of one that is over, how its thread
/// stands now.
pub(super) async fn join(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    join_run(&served, find(&served, &path, &asked).await?, &asked).await
}

/// `GET /runs/{run_id}/join`: the same, for a client that does not know the thread.
pub(super) async fn join_alone(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    join_run(&served, served.runtime_for(&asked).find_run(run_id(&path)?).await?, &asked).await
}

async fn join_run(served: &Served, run: Run, asked: &HttpRequest) -> Answer {
    let (runtime, leaving) = (served.runtime_for(asked), leaving(&run, asked, served)?);
    let subscription = listen(&runtime, &run, Begin::Now).await?;
    let result = told::result(run.clone(), subscription, OrElse::Thread, leaving, runtime);
    Ok(told::document(&run, result, served))
}

/// `GET /threads/{thread_id}/runs/{run_id}/stream`: the events of the run, from where the client stands.
pub(super) async fn stream(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    stream_run(&served, find(&served, &path, &asked).await?, &asked).await
}

/// `GET /runs/{run_id}/stream`: the same, for a client that does not know the thread.
pub(super) async fn stream_alone(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    stream_run(&served, served.runtime_for(&asked).find_run(run_id(&path)?).await?, &asked).await
}

async fn stream_run(served: &Served, run: Run, asked: &HttpRequest) -> Answer {
    let (runtime, leaving) = (served.runtime_for(asked), leaving(&run, asked, served)?);
    let wanted = Wanted::from_query(&query(asked)?);
    let place = Place::from_last_event_id(last_event_id(asked), run.kwargs.resumable)?;
    let (events, told) = (Events::from(&run, place, wanted), listen(&runtime, &run, place.begin()).await?);
    let frames = told::frames(&run, events, told, runtime);
    Ok(told::event_stream(&At::thread(&run), leaving.watch(frames), served))
}

/// `POST /threads/{thread_id}/runs/{run_id}/cancel`: stops the run, and says so at once, or waits until it has
/// stopped and says what came of it from now on.
pub(super) async fn cancel(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    let cancel = Cancel::from_query(&query(&asked)?);
    let run = find(&served, &path, &asked).await?;
    let request = cancel.request(&run)?;
    let (runtime, canceller) = (served.runtime_for(&asked), served.runtime_for(&asked));
    // Its answer alone says whether the run was stopped, or was over by itself meanwhile: no other comes before it.
    let stopped = detached(async move { canceller.cancel(request).await });
    if !cancel.wait {
        stopped.await?;
        return Ok(HttpResponse::Accepted().finish());
    }
    let subscription = listen(&runtime, &run, Begin::Now).await?;
    stopped.await?;
    let stays = Leaving::new(&run, None, &served);
    // The end is told once it is stored.
    let result = told::result(run.clone(), subscription, OrElse::Nothing, stays, runtime);
    Ok(told::document(&run, result, &served))
}

async fn find(served: &Served, path: &(String, String), asked: &HttpRequest) -> Result<Run, Refusal> {
    Ok(served.runtime_for(asked).run(thread_id(&path.0)?, run_id(&path.1)?).await?)
}

fn leaving(run: &Run, asked: &HttpRequest, served: &Served) -> Result<Leaving, Refusal> {
    let cancels = query(asked)?.flag("cancel_on_disconnect").then(|| served.runtime_for(asked));
    Ok(Leaving::new(run, cancels, served))
}

/// Listens to a run, and asks for no tokens: whether there are any is for the run's own modes to say.
async fn listen(runtime: &Handle, run: &Run, begin: Begin) -> Result<Subscription, Refusal> {
    let (thread_id, run_id) = (run.thread_id, Some(run.run_id));
    Ok(runtime.listen(Listen { thread_id, run_id, begin, tokens: false }).await?)
}
