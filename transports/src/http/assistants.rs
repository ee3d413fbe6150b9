//! The routes of assistants.

use actix_web::web::{Data, Path, Payload};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::request::Served;
use crate::wire::{AssistantJson, AssistantSearch, Refusal};

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

fn assistant_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::unprocessable("Invalid assistant ID: must be a UUID"))
}
