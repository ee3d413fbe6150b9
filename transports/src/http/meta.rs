//! The routes of the server itself.

use actix_web::HttpResponse;

use super::answer;
use crate::wire;

/// `GET /ok`.
pub(super) async fn ok() -> HttpResponse {
    answer::json(&wire::ok())
}

/// `GET /info`.
pub(super) async fn info() -> HttpResponse {
    answer::json(&wire::info())
}
