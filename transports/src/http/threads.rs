//! The routes of threads.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::UpdateState;

use super::answer::{self, Answer};
use super::request::{Served, detached, query, thread_id};
use crate::wire::{
    PatchBody, PruneBody, Pruned, Reason, Refusal, Select, ThreadBody, ThreadCount, ThreadJson, ThreadSearch,
    thread_usage, thread_with,
};

/// `POST /threads`.
pub(super) async fn create(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let (request, supersteps) = served.body::<ThreadBody>(payload).await?.into_request()?;
    let runtime = served.runtime_for(&asked);
    let made = detached(async move {
        let thread = runtime.create_thread(request).await?;
        // One that was there before keeps the state that it has.
        if supersteps.is_empty() || thread.values.is_some() {
            return Ok(Ok(thread));
        }
        let thread_id = thread.thread_id;
        let update = UpdateState { supersteps, ..UpdateState::new(thread_id, None, None) };
        let updated = match runtime.update_state(update).await {
            Ok(_) => runtime.thread(thread_id).await,
            Err(error) => Err(error),
        };
        Ok(updated.map_err(|error| (thread_id, error)))
    });
    let thread = made.await?.map_err(|(thread_id, error)| {
        let (Refusal { detail, .. }, problems) = (error.into(), "problems updating the state");
        let message = format!("Thread with ID {thread_id} was created, but there were {problems}: {detail}");
        Refusal::unprocessable(message)
    })?;
    Ok(answer::json(&ThreadJson(&thread)))
}

/// `POST /threads/search`.
pub(super) async fn search(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let (request, show) = served.body::<ThreadSearch>(payload).await?.into_request()?;
    let found = served.runtime_for(&asked).search_threads(request).await?;
    let page = show.page(&found).map_err(|error| answer::unreadable(&error))?;
    answer::page(&page, &Select::default())
}

/// `POST /threads/count`.
pub(super) async fn count(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let filter = served.body::<ThreadCount>(payload).await?.into_filter()?;
    Ok(answer::json(&served.runtime_for(&asked).count_threads(filter).await?))
}

/// `GET /threads/{thread_id}`.
pub(super) async fn read(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let (thread_id, query) = (thread_id(&path)?, query(&asked)?);
    answer::encoded(thread_with(&served.runtime_for(&asked).thread(thread_id).await?, &query))
}

/// `POST /threads/prune`.
pub(super) async fn prune(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<PruneBody>(payload).await?.into_request()?;
    let runtime = served.runtime_for(&asked);
    let count = detached(async move { runtime.prune_threads(request).await }).await?;
    Ok(answer::json(&Pruned { pruned_count: count }))
}

/// `POST /threads/{thread_id}/copy`.
pub(super) async fn copy(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let source = thread_id(&path)?;
    let runtime = served.runtime_for(&asked);
    let copied = detached(async move { runtime.copy_thread(source).await }).await;
    // What clients of the API know of a thread that is not there, here and nowhere else.
    let missing = |refusal: Refusal| match refusal.reason {
        Reason::NotFound => Refusal::new(Reason::Conflict, "Conflict"),
        _ => refusal,
    };
    Ok(answer::json(&ThreadJson(&copied.map_err(missing)?)))
}

/// `GET /threads/{thread_id}/storage`.
pub(super) async fn storage(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let thread_id = thread_id(&path)?;
    Ok(answer::json(&thread_usage(thread_id, &served.runtime_for(&asked).thread_usage(thread_id).await?)))
}

/// `PATCH /threads/{thread_id}`: says more about it; a client that does not want to read the outcome gets 204.
pub(super) async fn patch(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let thread_id = thread_id(&path)?;
    let request = served.body::<PatchBody>(payload).await?.into_request(thread_id)?;
    let runtime = served.runtime_for(&asked);
    let thread = detached(async move { runtime.update_thread(request).await }).await?;
    let prefer = asked.headers().get("prefer").and_then(|value| value.to_str().ok());
    if prefer.is_some_and(|prefer| prefer.contains("return=minimal")) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(answer::json(&ThreadJson(&thread)))
}

/// `DELETE /threads/{thread_id}`: with all its runs.
pub(super) async fn delete(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let thread_id = thread_id(&path)?;
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.delete_thread(thread_id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
