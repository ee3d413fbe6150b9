//! The routes of the server itself.

use actix_web::http::header::{self, ContentType};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{self, Answer};
use super::request::{Served, query};
use super::routes::table;
use crate::wire::openapi::document;
use crate::wire::{self, Refusal};

/// `GET /ok`: whether the server is there, and with `check_db` whether its storage answers.
pub(super) async fn ok(served: Data<Served>, asked: HttpRequest) -> Answer {
    if query(&asked)?.number("check_db")?.unwrap_or_default() == 0 {
        return Ok(answer::json(&wire::ok(None)));
    }
    let answers = served.whole_runtime().check_storage().await;
    if let Err(error) = &answers {
        tracing::error!(%error, "storage does not answer");
    }
    let health = wire::ok(Some(answers.is_ok()));
    let mut answer = if answers.is_ok() { HttpResponse::Ok() } else { HttpResponse::InternalServerError() };
    Ok(answer.json(health))
}

/// `GET /info`.
pub(super) async fn info() -> HttpResponse {
    answer::json(&wire::info())
}

/// `GET /metrics`: figures for Prometheus.
pub(super) async fn metrics(served: Data<Served>) -> Answer {
    let text = served.metrics.encode(served.whole_runtime()).map_err(|error| answer::unreadable(&error))?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(content_type).body(text))
}

/// `GET /openapi.json`: the table of the routes, described for machines.
pub(super) async fn openapi(served: Data<Served>) -> Answer {
    let table = table();
    let operations = table.iter().flat_map(super::operation::Path::described);
    answer::encoded(document(operations, served.whole_runtime().graph_ids(), served.is_guarded()))
}

/// `GET /graph-schema.json`: what may stand in a graph file, for editors.
pub(super) async fn graph_schema(served: Data<Served>) -> Answer {
    let schema =
        served.graph_schema.as_ref().ok_or_else(|| Refusal::not_found("This server has no graph files"))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(schema.to_string()))
}

/// `GET /docs`: the same for people, in a page that needs nothing from elsewhere.
pub(super) async fn docs() -> Result<HttpResponse, Refusal> {
    // Nothing in the page comes from elsewhere, and nothing it shows may.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(include_str!("docs.html")))
}
