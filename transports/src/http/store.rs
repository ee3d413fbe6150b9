//! The routes of the long-term store.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, Answer};
use super::request::{Served, detached, query};
use crate::wire::{
    DeleteItemBody, FoundItemsJson, ItemJson, NamespacesBody, NamespacesJson, PutItemBody, SearchItemsBody,
    get_item, key_missing,
};

/// `PUT /store/items`.
pub(super) async fn put(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<PutItemBody>(payload).await?.into_request()?;
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.put_item(request).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /store/items`: `null` when there is no such item.
pub(super) async fn read(served: Data<Served>, asked: HttpRequest) -> Answer {
    let Some(request) = get_item(&query(&asked)?)? else {
        return Ok(HttpResponse::BadRequest().json(key_missing()));
    };
    let item = served.runtime_for(&asked).item(request).await?;
    Ok(answer::json(&item.as_ref().map(ItemJson::new)))
}

/// `DELETE /store/items`.
pub(super) async fn delete(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let place = served.body::<DeleteItemBody>(payload).await?.into_place()?;
    let runtime = served.runtime_for(&asked);
    detached(async move { runtime.delete_item(place).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /store/items/search`.
pub(super) async fn search(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<SearchItemsBody>(payload).await?.into_request()?;
    let found = served.runtime_for(&asked).search_items(request).await?;
    Ok(answer::json(&FoundItemsJson::new(&found)))
}

/// `POST /store/namespaces`.
pub(super) async fn namespaces(served: Data<Served>, asked: HttpRequest, payload: Payload) -> Answer {
    let request = served.body::<NamespacesBody>(payload).await?.into_request()?;
    let namespaces = served.runtime_for(&asked).item_namespaces(request).await?;
    Ok(answer::json(&NamespacesJson { namespaces }))
}
