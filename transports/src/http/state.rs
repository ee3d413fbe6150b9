//! The routes of the states of a thread: as it stands, as it stood, and changes by hand.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path, Payload};
use eddyline_runtime::{ReadHistory, ReadState};

use super::answer::{self, Answer};
use super::request::{Served, detached, query, thread_id};
use crate::wire::{
    HistoryBody, SelectState, StateAtBody, ThreadStateJson, UpdateBody, UpdatedStateJson, read_history,
    read_state,
};

/// `GET /threads/{thread_id}/state`.
pub(super) async fn newest(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    read(&served, &asked, read_state(thread_id(&path)?, None, &query(&asked)?)?).await
}

/// `GET /threads/{thread_id}/state/{checkpoint_id}`.
pub(super) async fn at(served: Data<Served>, path: Path<(String, String)>, asked: HttpRequest) -> Answer {
    let (thread, checkpoint) = &*path;
    read(&served, &asked, read_state(thread_id(thread)?, Some(checkpoint), &query(&asked)?)?).await
}

/// `POST /threads/{thread_id}/state/checkpoint`.
pub(super) async fn at_checkpoint(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let thread_id = thread_id(&path)?;
    read(&served, &asked, served.body::<StateAtBody>(payload).await?.into_request(thread_id)?).await
}

async fn read(served: &Served, asked: &HttpRequest, (request, select): (ReadState, SelectState)) -> Answer {
    let state = served.runtime_for(asked).state(request).await?;
    answer::encoded(select.of(&state))
}

/// `POST /threads/{thread_id}/state`.
pub(super) async fn update(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let thread_id = thread_id(&path)?;
    let request = served.body::<UpdateBody>(payload).await?.into_request(thread_id)?;
    let runtime = served.runtime_for(&asked);
    let address = detached(async move { runtime.update_state(request).await }).await?;
    Ok(answer::json(&UpdatedStateJson { thread_id, address }))
}

/// `GET /threads/{thread_id}/history`.
pub(super) async fn history(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    former(&served, &asked, read_history(thread_id(&path)?, &query(&asked)?)?).await
}

/// `POST /threads/{thread_id}/history`.
pub(super) async fn search_history(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let thread_id = thread_id(&path)?;
    former(&served, &asked, served.body::<HistoryBody>(payload).await?.into_request(thread_id)?).await
}

async fn former(served: &Served, asked: &HttpRequest, request: ReadHistory) -> Answer {
    let states = served.runtime_for(asked).history(request).await?;
    Ok(answer::json(&states.iter().map(ThreadStateJson).collect::<Vec<_>>()))
}
