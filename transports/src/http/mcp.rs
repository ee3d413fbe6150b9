//! `/mcp`: every assistant as a tool of the Model Context Protocol, over streamable HTTP without sessions.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_engine::graph::Graph;
use eddyline_runtime::{Assistant, Delivery, Handle};

use super::answer::{self, Answer};
use super::operation::{self, Path};
use super::request::Served;
use crate::wire::RunResult;
use crate::wire::mcp::{Call, Request, ToolCall, named, read, said, tools};
use crate::wire::openapi::Content;
use crate::wire::rpc::{Json, RpcError, accepts, answer, refusal};

/// What is served here.
pub(super) fn routes() -> Vec<Path> {
    let post = operation::post(post, "Assistants as tools of the Model Context Protocol")
        .takes_one("JsonRpc")
        .answers(Content::Json)
        .or(202, Content::Nothing);
    let delete = operation::delete(delete, "There are no sessions").or(404, Content::Nothing);
    vec![Path::new("/mcp", [post, delete])]
}

/// `DELETE /mcp`: there are no sessions.
async fn delete() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

/// `/mcp/`: the same path as some clients write it.
pub(super) async fn moved() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/mcp")).finish()
}

/// `POST /mcp`: a message, and its answer if it wants one.
async fn post(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let accept = asked.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if let Err(refusal) = accepts(accept) {
        return Ok(HttpResponse::BadRequest().json(refusal));
    }
    let (id, call) = match read(&served.bytes(payload).await?) {
        Ok(Some(Request { id, call })) => (id, call),
        Ok(None) => return Ok(HttpResponse::Accepted().finish()),
        Err(words) => return Ok(HttpResponse::BadRequest().json(refusal(words))),
    };
    let runtime = served.runtime_in_name_of(&asked);
    let result = match call {
        Call::Known(result) => result,
        Call::Tools(place) => served_assistants(&runtime).map(|assistants| tools(&assistants, place)),
        Call::Tool(call) => match served_assistants(&runtime).and_then(|all| named(&all, &call.name)) {
            Ok(assistant) => run(&runtime, call, &assistant).await,
            Err(error) => Err(error),
        },
    };
    Ok(answer::json(&answer(&id, result)))
}

fn served_assistants(runtime: &Handle) -> Result<Vec<(Arc<Assistant>, Graph)>, RpcError> {
    let refused = |error: eddyline_runtime::Error| RpcError::refused(error.to_string());
    let assistants = runtime.assistants().map_err(refused)?.into_iter();
    // One may go while they are listed.
    let known = assistants.filter_map(|one| Some((runtime.graph(&one.assistant_id.to_string()).ok()?, one)));
    Ok(known.map(|(graph, one)| (one, graph)).collect())
}

/// Runs a tool to its end; that the client goes away does not undo it.
async fn run(runtime: &Handle, call: ToolCall, assistant: &Assistant) -> Result<Json, RpcError> {
    let started = runtime.start_run(call.request(assistant)).await;
    let (run, mut facts) = started.map_err(|error| RpcError::refused(error.to_string()))?;
    let mut result = RunResult::of(&run);
    while let Some(delivery) = facts.next().await {
        if let Delivery::Fact(entry) = delivery {
            result.see(&entry.fact);
        }
    }
    Ok(said(result.told()))
}
