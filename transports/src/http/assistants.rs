//! The routes of assistants.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path, Payload};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::request::{Served, query};
use crate::wire::{AssistantJson, AssistantSearch, DrawingJson, Refusal, SchemasJson, SubgraphsJson, xray};

/// `POST /assistants/search`.
pub(super) async fn search(served: Data<Served>, payload: Payload) -> Answer {
    let search = served.body::<AssistantSearch>(payload).await?;
    let all = served.runtime.assistants();
    let (page, select) = search.page(&all)?;
    answer::page(&page, &select)
}

/// `POST /assistants/count`.
pub(super) async fn count(served: Data<Served>, payload: Payload) -> Answer {
    let search = served.body::<AssistantSearch>(payload).await?;
    Ok(answer::json(&search.count(&served.runtime.assistants())?))
}

/// `GET /assistants/{assistant_id}`: by its id, and not by that of its graph.
pub(super) async fn read(served: Data<Served>, path: Path<String>) -> Answer {
    let id = assistant_id(&path)?;
    Ok(answer::json(&AssistantJson(&served.runtime.assistant(&id.to_string())?)))
}

/// `GET /assistants/{assistant_id}/graph`: the graph as nodes and edges; `xray` opens nested ones.
pub(super) async fn graph(served: Data<Served>, path: Path<String>, asked: HttpRequest) -> Answer {
    let depth = xray(&query(&asked)?)?;
    Ok(answer::json(&DrawingJson::new(served.runtime.graph(&path)?.draw(depth))))
}

/// `GET /assistants/{assistant_id}/schemas`.
pub(super) async fn schemas(served: Data<Served>, path: Path<String>) -> Answer {
    let id = assistant_id(&path)?.to_string();
    let (assistant, graph) = (served.runtime.assistant(&id)?, served.runtime.graph(&id)?);
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
    let graph = served.runtime.graph(&assistant_id(id)?.to_string())?;
    let recurse = query(asked)?.flag("recurse");
    Ok(answer::json(&SubgraphsJson::new(&graph, namespace, recurse)))
}

fn assistant_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::unprocessable("Invalid assistant ID: must be a UUID"))
}
