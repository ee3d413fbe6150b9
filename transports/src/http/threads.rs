//! The routes of threads.

use actix_web::web::{Data, Path, Payload};

use super::answer::{self, Answer};
use super::request::{Served, detached, thread_id};
use crate::wire::{ThreadBody, ThreadJson};

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
