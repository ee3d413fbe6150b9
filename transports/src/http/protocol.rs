//! The streaming protocol over plain HTTP: a command for each request, and event streams that stay open.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::{Begin, Handle};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::answer::Answer;
use super::request::{Served, last_event_id, thread_id};
use super::told;
use super::waiting::BrokenOff;
use crate::protocol::{perform, position, tell};
use crate::wire::protocol::{
    Answer as Reply, Ends, Malformed, Outgoing, Problem, Request, Style, stream_body,
};
use crate::wire::{Frame, Reason, Refusal};

/// How many events wait for a client that reads slowly; the next is read from the tape when there is room.
const WAITING: usize = 16;

/// `POST /threads/{thread_id}/commands`: what is wrong with a command is told with status 200, but for what is none.
pub(super) async fn command(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let bytes = served.bytes(payload).await?;
    let request = match Request::parse(&bytes, Style::OneThread) {
        Ok(request) => request,
        Err(Malformed::NotJson) => return Err(Refusal::new(Reason::BadRequest, "Invalid JSON body")),
        Err(malformed) => {
            let id = malformed.id();
            let problem = malformed.problem(Style::OneThread);
            let reply = Reply::Error { id, problem, subscription: None, ends: Ends::Nothing };
            return Ok(document(&mut HttpResponse::BadRequest(), reply));
        }
    };
    let thread_id = thread_id(&path);
    let runtime = served.runtime_in_name_of(&asked);
    // Carried out to its end, even when the client goes away.
    let done = actix_web::rt::spawn(async move {
        let (thread_id, command) = (thread_id?, request.command?);
        // Before the command: what it starts comes after this number.
        let through = position(&runtime, thread_id).await;
        Ok::<_, Problem>((perform(&runtime, thread_id, command).await?, through))
    });
    let done = done.await.unwrap_or_else(|lost| {
        tracing::error!(error = %lost, "a command ended before its answer");
        Err(Problem::failed("500: Internal Server Error"))
    });
    let reply = match (done, request.id) {
        (Ok((result, through)), Some(id)) => Reply::Success { id, result, through: Some(through) },
        (Ok(_), None) => return Ok(HttpResponse::Accepted().finish()),
        (Err(problem), id) => Reply::Error { id, problem, subscription: None, ends: Ends::Nothing },
    };
    Ok(document(&mut HttpResponse::Ok(), reply))
}

fn document(status: &mut actix_web::HttpResponseBuilder, reply: Reply) -> HttpResponse {
    status.content_type("application/json").body(Outgoing { thread: None, answer: reply }.plain())
}

/// `POST /threads/{thread_id}/stream/events`: the events of a thread, whether there is one already or not. It never
/// ends by itself.
pub(super) async fn events(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let bytes = served.bytes(payload).await?;
    let subscribe = stream_body(&bytes, last_event_id(&asked))?;
    let (runtime, thread_id) = (served.runtime_for(&asked), thread_id(&path)?);
    may_listen(&runtime, thread_id).await?;
    let (out, told) = mpsc::channel(WAITING);
    tell(runtime, thread_id, subscribe, out, served.stop.clone());
    Ok(told::events(frames(told), &served))
}

/// Refuses the thread of somebody else before anything is said of it; one that is not there yet is waited for.
pub(super) async fn may_listen(runtime: &Handle, thread_id: Uuid) -> Result<(), Refusal> {
    drop(runtime.listen_for(thread_id, Begin::Now).await?);
    Ok(())
}

/// The frames of a thread for one reader; that they break off tells it to come back. Dropping them unsubscribes.
fn frames(told: mpsc::Receiver<Outgoing>) -> impl Stream<Item = Result<Frame, BrokenOff>> {
    let frames = stream::unfold(Some(told), |told| async {
        let mut told = told?;
        let next = told.recv().await?;
        // A reader that missed something for good begins anew.
        let ends = matches!(&next.answer, Reply::Error { ends, .. } if *ends != Ends::Nothing);
        Some((Ok(frame(&next)), (!ends).then_some(told)))
    });
    frames.chain(stream::iter([Err(BrokenOff)]))
}

fn frame(told: &Outgoing) -> Frame {
    let (event, id) = match &told.answer {
        Reply::Event { event, .. } => (event.method, Some(event.seq.to_string())),
        _ => ("error", None),
    };
    Frame { event: event.to_owned(), data: told.plain(), id }
}
