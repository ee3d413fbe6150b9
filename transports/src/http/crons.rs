//! The routes of crons.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::Error;
use uuid::Uuid;

use super::answer::{self, Answer};
use super::request::{Served, detached, thread_id};
use crate::wire::{CronBody, CronCount, CronJson, CronPatch, CronSearch, PageOf, Reason, Refusal, id};

/// `POST /runs/crons`: each run makes a thread for itself.
pub(super) async fn create(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    make(&served, None, &asked, payload).await
}

/// `POST /threads/{thread_id}/runs/crons`: all runs work on the thread.
pub(super) async fn create_on_thread(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    make(&served, Some(thread_id(&path)?), &asked, payload).await
}

async fn make(served: &Served, thread_id: Option<Uuid>, asked: &HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<CronBody>(payload).await?.into_request(thread_id)?;
    let runtime = served.runtime_in_name_of(asked);
    let made = detached(async move {
        match runtime.create_cron(request).await {
            // What clients of the API know of a name that means no assistant, here and nowhere else.
            Err(error @ Error::InvalidAssistant { .. }) => {
                Ok(Err(Refusal { reason: Reason::NotFound, ..error.into() }))
            }
            answer => answer.map(Ok),
        }
    });
    Ok(answer::json(&CronJson(&made.await??)))
}

/// `POST /runs/crons/search`.
pub(super) async fn search(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let (request, select) = served.body::<CronSearch>(payload).await?.into_request()?;
    let offset = request.offset;
    let found = served.runtime_for(&asked).search_crons(request).await?;
    let crons = found.crons.iter().map(CronJson).collect();
    answer::page(&PageOf::new(crons, offset, found.more), &select)
}

/// `POST /runs/crons/count`.
pub(super) async fn count(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let filter = served.body::<CronCount>(payload).await?.into_filter()?;
    Ok(answer::json(&served.runtime_for(&asked).count_crons(filter).await?))
}

/// `GET /runs/crons/{cron_id}`.
pub(super) async fn read(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let cron = served.runtime_for(&asked).cron(cron_id(&path)?).await?;
    Ok(answer::json(&CronJson(&cron)))
}

/// `PATCH /runs/crons/{cron_id}`.
pub(super) async fn patch(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let id = cron_id(&path)?;
    let revision = served.body::<CronPatch>(payload).await?.into_revision()?;
    let runtime = served.runtime_for(&asked);
    let cron = detached(async move { runtime.update_cron(id, revision).await }).await?;
    Ok(answer::json(&CronJson(&cron)))
}

/// `DELETE /runs/crons/{cron_id}`.
pub(super) async fn delete(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let id = cron_id(&path)?;
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.delete_cron(id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn cron_id(text: &str) -> Result<Uuid, Refusal> {
    id("cron", text)
}
