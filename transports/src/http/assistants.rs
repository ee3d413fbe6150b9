//! The routes of assistants.

use std::sync::Arc;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use eddyline_runtime::{Assistant, DeleteAssistant, Error, Handle};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::request::{Served, detached, query};
use crate::wire::{
    AssistantBody, AssistantJson, AssistantPatch, AssistantSearch, DrawingJson, LatestBody, Refusal,
    SchemasJson, Select, SubgraphsJson, VersionJson, VersionsBody, id, xray,
};

/// `POST /assistants`.
pub(super) async fn create(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<AssistantBody>(payload).await?.into_request()?;
    changed(&served, &asked, |runtime| async move { runtime.create_assistant(request).await }).await
}

/// `POST /assistants/search`.
pub(super) async fn search(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let (search, all) = searched(&served, &asked, payload).await?;
    let (page, select) = search.page(&all)?;
    answer::page(&page, &select)
}

/// `POST /assistants/count`.
pub(super) async fn count(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let (search, all) = searched(&served, &asked, payload).await?;
    Ok(answer::json(&search.count(&all)?))
}

/// `GET /assistants/{assistant_id}`: by its id, and not by that of its graph.
pub(super) async fn read(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let assistant = served.runtime_for(&asked).assistant(&assistant_id(&path)?.to_string())?;
    Ok(answer::json(&AssistantJson(&assistant)))
}

/// `PATCH /assistants/{assistant_id}`: makes a new version, which is the current one.
pub(super) async fn patch(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let id = assistant_id(&path)?;
    let request = served.body::<AssistantPatch>(payload).await?.into_request(id)?;
    changed(&served, &asked, |runtime| async move { runtime.update_assistant(request).await }).await
}

/// `DELETE /assistants/{assistant_id}`: with its versions, and with `delete_threads` with its threads.
pub(super) async fn delete(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let threads = query(&asked)?.flag("delete_threads");
    let request = DeleteAssistant { assistant_id: assistant_id(&path)?, threads };
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.delete_assistant(request).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /assistants/{assistant_id}/versions`: newest first; that there are none is 404.
pub(super) async fn versions(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let id = assistant_id(&path)?;
    let request = served.body::<VersionsBody>(payload).await?.into_request(id)?;
    let versions = served.runtime_for(&asked).assistant_versions(request).await?;
    if versions.is_empty() {
        return Err(Refusal::not_found(format!("No versions found for assistant {id}")));
    }
    answer::selected(versions.iter().map(VersionJson), &Select::default())
}

/// `POST /assistants/{assistant_id}/latest`: makes a version the current one.
pub(super) async fn set_latest(
    served: Data<Served>,
    path: Path<String>,
    asked: HttpRequest,
    payload: Payload,
) -> Answer {
    let id = assistant_id(&path)?;
    let LatestBody { version } = served.body(payload).await?;
    changed(&served, &asked, |runtime| async move { runtime.set_latest_version(id, version).await }).await
}

/// `GET /assistants/{assistant_id}/graph`: the graph as nodes and edges; `xray` opens nested ones.
pub(super) async fn graph(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let depth = xray(&query(&asked)?)?;
    Ok(answer::json(&DrawingJson::new(served.runtime_for(&asked).graph(&path)?.draw(depth))))
}

/// `GET /assistants/{assistant_id}/schemas`.
pub(super) async fn schemas(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let id = assistant_id(&path)?.to_string();
    let runtime = served.runtime_for(&asked);
    let (assistant, graph) = (runtime.assistant(&id)?, runtime.graph(&id)?);
    Ok(answer::json(&SchemasJson { graph_id: &assistant.graph_id, graph: &graph }))
}

/// `GET /assistants/{assistant_id}/subgraphs`: those of the first level, or with `recurse` of every level.
pub(super) async fn subgraphs(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    inside(&served, &path, None, &asked)
}

/// `GET /assistants/{assistant_id}/subgraphs/{namespace}`.
pub(super) async fn subgraph(
    served: Data<Served>,
    path: Path<(String, String)>,
    asked: HttpRequest,
) -> Answer {
    inside(&served, &path.0, Some(&path.1), &asked)
}

fn inside(served: &Served, id: &str, namespace: Option<&str>, asked: &HttpRequest) -> Answer {
    let graph = served.runtime_for(asked).graph(&assistant_id(id)?.to_string())?;
    let recurse = query(asked)?.flag("recurse");
    Ok(answer::json(&SubgraphsJson::new(&graph, namespace, recurse)))
}

/// Has an assistant changed, and says what it is now.
async fn changed<F: Future<Output = Result<Arc<Assistant>, Error>> + 'static>(
    served: &Served,
    asked: &HttpRequest,
    change: impl FnOnce(Handle) -> F,
) -> Answer {
    let assistant = detached(change(served.runtime_for(asked))).await?;
    Ok(answer::json(&AssistantJson(&assistant)))
}

/// What to search for, and all that is there to be found.
async fn searched(
    served: &Served,
    asked: &HttpRequest,
    payload: Payload,
) -> Result<(AssistantSearch, Vec<Arc<Assistant>>), Refusal> {
    let search = served.body::<AssistantSearch>(payload).await?;
    let runtime = served.runtime_for(asked);
    if let Some(graph_id) = search.graph_id() {
        runtime.check_graph(graph_id)?;
    }
    Ok((search, runtime.assistants()?))
}

fn assistant_id(text: &str) -> Result<Uuid, Refusal> {
    id("assistant", text)
}
