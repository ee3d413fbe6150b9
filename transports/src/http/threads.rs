//! The routes of threads.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, Answer};
use super::request::{Served, detached, thread_id};
use crate::wire::{PatchBody, ThreadBody, ThreadJson};

/// `POST /threads`.
pub(super) async fn create(served: Data<Served>, payload: Payload) -> Answer {
    let request = served.body::<ThreadBody>(payload).await?.into_request()?;
    let runtime = served.runtime.clone();
    let thread = detached(async move { runtime.create_thread(request).await }).await?;
    Ok(answer::json(&ThreadJson(&thread)))
}

/// `GET /threads/{thread_id}`.
pub(super) async fn read(served: Data<Served>, path: Path<String>) -> Answer {
    let thread = served.runtime.thread(thread_id(&path)?).await?;
    Ok(answer::json(&ThreadJson(&thread)))
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
    let runtime = served.runtime.clone();
    let thread = detached(async move { runtime.update_thread(request).await }).await?;
    let prefer = asked.headers().get("prefer").and_then(|value| value.to_str().ok());
    if prefer.is_some_and(|prefer| prefer.contains("return=minimal")) {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(answer::json(&ThreadJson(&thread)))
}

/// `DELETE /threads/{thread_id}`: with all its runs.
pub(super) async fn delete(served: Data<Served>, path: Path<String>) -> Answer {
    let thread_id = thread_id(&path)?;
    let runtime = served.runtime.clone();
    detached(async move { runtime.delete_thread(thread_id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
