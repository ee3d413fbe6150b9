//! The route of webhooks.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::answer::{self, Answer};
use super::request::{Served, query};
use crate::wire::{FailedDeliveryJson, list_failures};

/// `GET /webhooks/failed`: what could not be delivered, newest first.
pub(super) async fn failed(served: Data<Served>, asked: HttpRequest) -> Answer {
    let failed = served.runtime_for(&asked).failed_deliveries(list_failures(&query(&asked)?)?).await?;
    Ok(answer::json(&failed.iter().map(FailedDeliveryJson).collect::<Vec<_>>()))
}
