//! The table of the routes: which path leads to which handler, and what each does, takes and answers. What is not here
//! is not there: 404. `GET /openapi.json` is made from it.

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::Answer;
use super::operation::{Path, delete, get, patch, post, put};
use super::{
    a2a, assistants, crons, mcp, meta, protocol, run, runs, state, store, thread_stream, threads, webhooks,
    websocket,
};
use crate::wire::openapi::Content::{Events, Json, List, Nothing, Page, Text};
use crate::wire::openapi::Parameter::{self, Flag, Names, Number, OneOf, Required, Text as Word};
use crate::wire::{
    AssistantBody, AssistantPatch, AssistantSearch, CancelBody, CronBody, CronCount, CronPatch, CronSearch,
    DeleteItemBody, HistoryBody, LatestBody, NamespacesBody, PatchBody, PruneBody, PutItemBody, Refusal,
    RunBody, SearchItemsBody, StateAtBody, ThreadBody, ThreadCount, ThreadSearch, UpdateBody, VersionsBody,
};

const LEAVE: Parameter = Flag("cancel_on_disconnect");
const CANCEL: &[Parameter] = &[Flag("wait"), OneOf("action", &["interrupt", "rollback"])];
const PAGE: &[Parameter] = &[Number("limit"), Number("offset")];
const STATE: &[Parameter] = &[Flag("subgraphs"), Names("select", &[])];

/// Puts the table to work.
pub(super) fn configure(config: &mut ServiceConfig) {
    for path in table() {
        config.service(path.service());
    }
    config.route("/mcp/", web::to(mcp::moved));
    config.default_service(web::to(unknown));
}

/// Paths are tried in this order, so those that clients use most stand first.
pub(super) fn table() -> Vec<Path> {
    let mut table = of_new_runs();
    // Before those that take any word for the id of a run.
    table.extend(of_crons());
    table.extend(of_one_run());
    table.extend(of_the_server());
    table.extend(of_assistants());
    table.extend(of_threads());
    table.extend(of_the_store());
    table.extend(mcp::routes());
    table.extend(a2a::routes());
    table.push(Path::new(
        "/webhooks/failed",
        [get(webhooks::failed, "What could not be delivered, newest first")
            .query(PAGE)
            .answers(List("FailedDelivery"))],
    ));
    table
}

fn of_new_runs() -> Vec<Path> {
    vec![
        Path::new(
            "/threads/{thread_id}/runs/stream",
            [post(runs::stream_on_thread, "Start a run on a thread and stream it")
                .takes::<RunBody>()
                .answers(Events)],
        ),
        Path::new(
            "/runs/stream",
            [post(runs::stream, "Start a run on a thread of its own and stream it")
                .takes::<RunBody>()
                .answers(Events)],
        ),
        Path::new(
            "/threads/{thread_id}/runs/wait",
            [post(runs::wait_on_thread, "Start a run on a thread and wait for what it comes to")
                .takes::<RunBody>()
                .answers(Json)],
        ),
        Path::new(
            "/runs/wait",
            [post(runs::wait, "Start a run on a thread of its own and wait for what it comes to")
                .takes::<RunBody>()
                .answers(Json)],
        ),
        Path::new(
            "/threads/{thread_id}/runs",
            [
                post(runs::create_on_thread, "Start a run on a thread, in the background")
                    .takes::<RunBody>()
                    .one("Run"),
                get(run::list, "List the runs of a thread, newest first")
                    .query(&[Number("limit"), Number("offset"), Word("status"), Names("select", &[])])
                    .answers(List("Run")),
            ],
        ),
        Path::new(
            "/runs",
            [post(runs::create, "Start a run on a thread of its own, in the background")
                .takes::<RunBody>()
                .one("Run")],
        ),
    ]
}

fn of_crons() -> Vec<Path> {
    vec![
        Path::new(
            "/threads/{thread_id}/runs/crons",
            [post(crons::create_on_thread, "Have runs started on a thread, time and again")
                .takes::<CronBody>()
                .one("Cron")],
        ),
        Path::new(
            "/runs/crons",
            [post(crons::create, "Have runs started on threads of their own, time and again")
                .takes::<CronBody>()
                .one("Cron")],
        ),
        Path::new(
            "/runs/crons/search",
            [post(crons::search, "Search crons").takes::<CronSearch>().answers(Page("Cron"))],
        ),
        Path::new("/runs/crons/count", [post(crons::count, "Count crons").takes::<CronCount>().one("Count")]),
        Path::new(
            "/runs/crons/{cron_id}",
            [
                get(crons::read, "Read a cron").one("Cron"),
                patch(crons::patch, "Change a cron").takes::<CronPatch>().one("Cron"),
                delete(crons::delete, "Delete a cron").nothing(),
            ],
        ),
    ]
}

/// Runs that are there already.
fn of_one_run() -> Vec<Path> {
    vec![
        Path::new(
            "/threads/{thread_id}/runs/{run_id}",
            [
                get(run::read, "Read a run").one("Run"),
                delete(run::delete, "Delete a run, which is stopped first").nothing(),
            ],
        ),
        Path::new(
            "/threads/{thread_id}/runs/{run_id}/cancel",
            [post(run::cancel, "Stop a run").query(CANCEL).or(202, Nothing).answers(Json)],
        ),
        Path::new(
            "/threads/{thread_id}/runs/{run_id}/join",
            [get(run::join, "Wait for what a run comes to").query(&[LEAVE]).answers(Json)],
        ),
        Path::new(
            "/threads/{thread_id}/runs/{run_id}/stream",
            [get(run::stream, "Stream a run that is there already")
                .query(&[LEAVE, Names("stream_mode", &[])])
                .resumes()
                .answers(Events)],
        ),
        Path::new(
            "/runs/batch",
            [post(runs::batch, "Start several runs in the background: all of them, or none")
                .takes::<Vec<RunBody>>()
                .answers(List("Run"))],
        ),
        Path::new(
            "/runs/cancel",
            [post(runs::cancel, "Stop several runs").query(CANCEL).takes::<CancelBody>().nothing()],
        ),
        Path::new(
            "/runs/{run_id}/join",
            [get(run::join_alone, "Wait for what a run comes to, without its thread's id")
                .query(&[LEAVE])
                .answers(Json)],
        ),
        Path::new(
            "/runs/{run_id}/stream",
            [get(run::stream_alone, "Stream a run that is there already, without its thread's id")
                .query(&[LEAVE, Names("stream_mode", &[])])
                .resumes()
                .answers(Events)],
        ),
    ]
}

fn of_the_server() -> Vec<Path> {
    let ok = |path| {
        Path::new(path, [get(meta::ok, "Whether the server is there").query(&[Number("check_db")]).one("Ok")])
    };
    vec![
        ok("/"),
        ok("/ok"),
        Path::new("/info", [get(meta::info, "Which server this is").one("Info")]),
        Path::new(
            "/metrics",
            [get(meta::metrics, "Figures for Prometheus").answers(Text("application/openmetrics-text"))],
        ),
        Path::new("/openapi.json", [get(meta::openapi, "The API, described for machines").answers(Json)]),
        Path::new(
            "/graph-schema.json",
            [get(meta::graph_schema, "The JSON Schema of graph files").answers(Json)],
        ),
        Path::new("/docs", [get(meta::docs, "The API, described for people").answers(Text("text/html"))]),
    ]
}

fn of_assistants() -> Vec<Path> {
    vec![
        Path::new(
            "/assistants",
            [post(assistants::create, "Make an assistant").takes::<AssistantBody>().one("Assistant")],
        ),
        Path::new(
            "/assistants/search",
            [post(assistants::search, "Search assistants")
                .takes::<AssistantSearch>()
                .answers(Page("Assistant"))],
        ),
        Path::new(
            "/assistants/count",
            [post(assistants::count, "Count assistants").takes::<AssistantSearch>().one("Count")],
        ),
        Path::new(
            "/assistants/{assistant_id}",
            [
                get(assistants::read, "Read an assistant").one("Assistant"),
                patch(assistants::patch, "Make a new version of an assistant")
                    .takes::<AssistantPatch>()
                    .one("Assistant"),
                delete(assistants::delete, "Delete an assistant with its versions")
                    .query(&[Flag("delete_threads")])
                    .nothing(),
            ],
        ),
        Path::new(
            "/assistants/{assistant_id}/versions",
            [post(assistants::versions, "List the versions of an assistant, newest first")
                .takes::<VersionsBody>()
                .answers(List("AssistantVersion"))],
        ),
        Path::new(
            "/assistants/{assistant_id}/latest",
            [post(assistants::set_latest, "Make a version of an assistant the current one")
                .takes::<LatestBody>()
                .one("Assistant")],
        ),
        Path::new(
            "/assistants/{assistant_id}/graph",
            [get(assistants::graph, "The nodes and edges of an assistant's graph")
                .query(&[Word("xray")])
                .one("Drawing")],
        ),
        Path::new(
            "/assistants/{assistant_id}/schemas",
            [get(assistants::schemas, "What an assistant's graph takes and gives").one("Schemas")],
        ),
        Path::new(
            "/assistants/{assistant_id}/subgraphs",
            [get(assistants::subgraphs, "The graphs inside an assistant's graph")
                .query(&[Flag("recurse")])
                .one("Subgraphs")],
        ),
        Path::new(
            "/assistants/{assistant_id}/subgraphs/{namespace}",
            [get(assistants::subgraph, "One of the graphs inside an assistant's graph").one("Subgraphs")],
        ),
    ]
}

fn of_threads() -> Vec<Path> {
    vec![
        Path::new("/threads", [post(threads::create, "Make a thread").takes::<ThreadBody>().one("Thread")]),
        Path::new(
            "/threads/search",
            [post(threads::search, "Search threads").takes::<ThreadSearch>().answers(Page("Thread"))],
        ),
        Path::new(
            "/threads/count",
            [post(threads::count, "Count threads").takes::<ThreadCount>().one("Count")],
        ),
        Path::new(
            "/threads/prune",
            [post(threads::prune, "Delete threads, or what they were before")
                .takes::<PruneBody>()
                .one("Pruned")],
        ),
        Path::new(
            "/threads/{thread_id}/copy",
            [post(threads::copy, "Copy a thread with its states").one("Thread")],
        ),
        Path::new(
            "/threads/{thread_id}/storage",
            [get(threads::storage, "How much room a thread takes").one("ThreadUsage")],
        ),
        Path::new(
            "/threads/{thread_id}",
            [
                get(threads::read, "Read a thread").query(&[Names("include", &["ttl"])]).one("Thread"),
                patch(threads::patch, "Say more about a thread").takes::<PatchBody>().one("Thread").nothing(),
                delete(threads::delete, "Delete a thread with its runs and states").nothing(),
            ],
        ),
        Path::new(
            "/threads/{thread_id}/stream",
            [get(thread_stream::stream, "Stream all runs of a thread, present and to come")
                .query(&[Names("stream_modes", &["run_modes", "lifecycle", "state_update"])])
                .resumes()
                .answers(Events)],
        ),
        Path::new(
            "/threads/{thread_id}/commands",
            [post(protocol::command, "Carry out a command of the streaming protocol")
                .takes_one("Command")
                .one("CommandAnswer")
                .or(202, Nothing)],
        ),
        Path::new(
            "/threads/{thread_id}/stream/events",
            [
                post(protocol::events, "Stream a thread by the streaming protocol")
                    .takes_one("Subscription")
                    .resumes()
                    .answers(Events),
                get(websocket::connect, "Speak the streaming protocol over a WebSocket")
                    .query(&[Number("heartbeat")])
                    .or(101, Nothing),
            ],
        ),
        Path::new(
            "/threads/{thread_id}/state",
            [
                get(state::newest, "Read the newest state of a thread").query(STATE).one("ThreadState"),
                post(state::update, "Change the state of a thread").takes::<UpdateBody>().one("UpdatedState"),
                // `patchState` of the JavaScript client, which has no other route.
                patch(threads::patch, "Say more about a thread").takes::<PatchBody>().one("Thread").nothing(),
            ],
        ),
        Path::new(
            "/threads/{thread_id}/state/checkpoint",
            [post(state::at_checkpoint, "Read the state of a thread at a checkpoint, or inside it")
                .takes::<StateAtBody>()
                .one("ThreadState")],
        ),
        Path::new(
            "/threads/{thread_id}/state/{checkpoint_id}",
            [get(state::at, "Read the state of a thread at a checkpoint").query(STATE).one("ThreadState")],
        ),
        Path::new(
            "/threads/{thread_id}/history",
            [
                get(state::history, "Read former states of a thread, newest first")
                    .query(&[Number("limit"), Word("before")])
                    .answers(List("ThreadState")),
                post(state::search_history, "Search former states of a thread, newest first")
                    .takes::<HistoryBody>()
                    .answers(List("ThreadState")),
            ],
        ),
    ]
}

fn of_the_store() -> Vec<Path> {
    vec![
        Path::new(
            "/store/items",
            [
                put(store::put, "Put an item").takes::<PutItemBody>().nothing(),
                get(store::read, "Read an item")
                    .query(&[Required("key"), Word("namespace"), Flag("refresh_ttl")])
                    .one("ItemOrNull"),
                delete(store::delete, "Delete an item").takes::<DeleteItemBody>().nothing(),
            ],
        ),
        Path::new(
            "/store/items/search",
            [post(store::search, "Search items").takes::<SearchItemsBody>().one("FoundItems")],
        ),
        Path::new(
            "/store/namespaces",
            [post(store::namespaces, "List namespaces").takes::<NamespacesBody>().one("Namespaces")],
        ),
    ]
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
