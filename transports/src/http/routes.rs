//! Which path leads to which handler. What is not here is not there: 404.

use actix_web::dev::HttpServiceFactory;
use actix_web::guard;
use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};
use actix_web_lab::middleware::CatchPanic;

use super::answer::{Answer, in_words};
use super::request_id::identified;
use super::{
    assistants, crons, meta, protocol, run, runs, state, store, thread_stream, threads, webhooks, websocket,
};
use crate::wire::Refusal;

/// Paths are tried in this order, so those that clients use most stand first.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/threads/{thread_id}/runs/stream", [web::post().to(runs::stream_on_thread)]))
        .service(resource("/runs/stream", [web::post().to(runs::stream)]))
        .service(resource("/threads/{thread_id}/runs/wait", [web::post().to(runs::wait_on_thread)]))
        .service(resource("/runs/wait", [web::post().to(runs::wait)]))
        .service(resource(
            "/threads/{thread_id}/runs",
            [web::post().to(runs::create_on_thread), get().to(run::list)],
        ))
        .service(resource("/runs", [web::post().to(runs::create)]))
        // Before those that take any word for the id of a run.
        .service(resource("/threads/{thread_id}/runs/crons", [web::post().to(crons::create_on_thread)]))
        .service(resource("/runs/crons", [web::post().to(crons::create)]))
        .service(resource("/runs/crons/search", [web::post().to(crons::search)]))
        .service(resource("/runs/crons/count", [web::post().to(crons::count)]))
        .service(resource(
            "/runs/crons/{cron_id}",
            [get().to(crons::read), web::patch().to(crons::patch), web::delete().to(crons::delete)],
        ))
        .service(resource(
            "/threads/{thread_id}/runs/{run_id}",
            [get().to(run::read), web::delete().to(run::delete)],
        ))
        .service(resource("/threads/{thread_id}/runs/{run_id}/cancel", [web::post().to(run::cancel)]))
        .service(resource("/threads/{thread_id}/runs/{run_id}/join", [get().to(run::join)]))
        .service(resource("/threads/{thread_id}/runs/{run_id}/stream", [get().to(run::stream)]))
        .service(resource("/runs/batch", [web::post().to(runs::batch)]))
        .service(resource("/runs/cancel", [web::post().to(runs::cancel)]))
        .service(resource("/runs/{run_id}/join", [get().to(run::join_alone)]))
        .service(resource("/runs/{run_id}/stream", [get().to(run::stream_alone)]))
        .service(resource("/", [get().to(meta::ok)]))
        .service(resource("/ok", [get().to(meta::ok)]))
        .service(resource("/info", [get().to(meta::info)]))
        .service(resource("/assistants", [web::post().to(assistants::create)]))
        .service(resource("/assistants/search", [web::post().to(assistants::search)]))
        .service(resource("/assistants/count", [web::post().to(assistants::count)]))
        .service(resource(
            "/assistants/{assistant_id}",
            [
                get().to(assistants::read),
                web::patch().to(assistants::patch),
                web::delete().to(assistants::delete),
            ],
        ))
        .service(resource("/assistants/{assistant_id}/versions", [web::post().to(assistants::versions)]))
        .service(resource("/assistants/{assistant_id}/latest", [web::post().to(assistants::set_latest)]))
        .service(resource("/assistants/{assistant_id}/graph", [get().to(assistants::graph)]))
        .service(resource("/assistants/{assistant_id}/schemas", [get().to(assistants::schemas)]))
        .service(resource("/assistants/{assistant_id}/subgraphs", [get().to(assistants::subgraphs)]))
        .service(resource(
            "/assistants/{assistant_id}/subgraphs/{namespace}",
            [get().to(assistants::subgraph)],
        ))
        .service(resource("/threads", [web::post().to(threads::create)]))
        .service(resource("/threads/search", [web::post().to(threads::search)]))
        .service(resource("/threads/count", [web::post().to(threads::count)]))
        .service(resource("/threads/prune", [web::post().to(threads::prune)]))
        .service(resource("/threads/{thread_id}/copy", [web::post().to(threads::copy)]))
        .service(resource("/threads/{thread_id}/storage", [get().to(threads::storage)]))
        .service(resource(
            "/threads/{thread_id}",
            [get().to(threads::read), web::patch().to(threads::patch), web::delete().to(threads::delete)],
        ))
        .service(resource("/threads/{thread_id}/stream", [get().to(thread_stream::stream)]))
        .service(resource("/threads/{thread_id}/commands", [web::post().to(protocol::command)]))
        .service(resource(
            "/threads/{thread_id}/stream/events",
            [web::post().to(protocol::events), web::get().to(websocket::connect)],
        ))
        .service(resource(
            "/threads/{thread_id}/state",
            [get().to(state::newest), web::post().to(state::update)],
        ))
        .service(resource("/threads/{thread_id}/state/checkpoint", [web::post().to(state::at_checkpoint)]))
        .service(resource("/threads/{thread_id}/state/{checkpoint_id}", [get().to(state::at)]))
        .service(resource(
            "/threads/{thread_id}/history",
            [get().to(state::history), web::post().to(state::search_history)],
        ))
        .service(resource(
            "/store/items",
            [web::put().to(store::put), get().to(store::read), web::delete().to(store::delete)],
        ))
        .service(resource("/store/items/search", [web::post().to(store::search)]))
        .service(resource("/store/namespaces", [web::post().to(store::namespaces)]))
        .service(resource("/webhooks/failed", [get().to(webhooks::failed)]))
        .default_service(web::to(unknown));
}

/// A path with its methods. A handler that panics answers 500, and the worker lives on.
pub(super) fn resource<const N: usize>(path: &str, routes: [Route; N]) -> impl HttpServiceFactory + use<N> {
    let resource = web::resource(path);
    let resource = routes.into_iter().fold(resource, actix_web::Resource::route);
    resource.wrap(CatchPanic::default()).wrap(from_fn(in_words)).wrap(from_fn(identified))
}

/// Whatever answers GET answers HEAD.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A path that leads nowhere, unless it leads somewhere without its last slash.
async fn unknown(request: HttpRequest) -> Answer {
    let path = request.path();
    if let Some(known) = path.strip_suffix('/').filter(|known| request.resource_map().has_resource(known)) {
        let query = if request.query_string().is_empty() { "" } else { "?" };
        let location = format!("{known}{query}{}", request.query_string());
        return Ok(HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, location)).finish());
    }
    Err(Refusal::not_found("Not Found"))
}
