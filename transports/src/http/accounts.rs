//! What is kept of every request: its id, which its client gave it or is fresh and which the answer says again, a line in
//! the log, and its share in the figures.
//!
//! A line has nothing that came from a client but ids: no query, no header and no body.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use tokio::time::Instant;
use uuid::Uuid;

use super::metrics::Route;
use super::request::Served;
use crate::wire::Said;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that a client may give; a longer one is none.
const ID_BYTES: usize = 128;

/// Keeps what is to be kept.
pub(super) async fn accounted(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some(served) = request.app_data::<Data<Served>>().cloned() else { return next.call(request).await };
    let (began, method) = (Instant::now(), known(request.method()));
    let id = match request.headers().get(REQUEST_ID).filter(|id| is_plain(id)) {
        Some(id) => id.clone(),
        None => fresh(served.new_request_id()),
    };
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut answer = next.call(request).await?;
    let (status, time) = (answer.status().as_u16(), began.elapsed());
    let path = answer.request().match_pattern().unwrap_or_else(|| "unknown".to_owned());
    log(method, &path, status, time.as_secs_f64() * 1e3, &id, answer.request().match_info().get("thread_id"));
    served.metrics.answered(&Route { method, path }, status, time);
    answer.headers_mut().insert(REQUEST_ID, id);
    Ok(answer)
}

/// What was refused stands in the log by itself, all the rest from the level `debug` on.
fn log(method: &str, path: &str, status: u16, ms: f64, id: &HeaderValue, thread_id: Option<&str>) {
    let request_id = id.to_str().unwrap_or_default();
    let thread_id = thread_id.and_then(|text| text.parse::<Uuid>().ok()).map(tracing::field::display);
    match status {
        500.. => tracing::warn!(method, path, status, ms, request_id, thread_id, "request"),
        400.. => tracing::info!(method, path, status, ms, request_id, thread_id, "request"),
        _ => tracing::debug!(method, path, status, ms, request_id, thread_id, "request"),
    }
}

fn fresh(id: Uuid) -> HeaderValue {
    HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// It goes into the log, and into the metadata of runs.
fn is_plain(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_graphic();
    !id.is_empty() && id.len() <= ID_BYTES && id.as_bytes().iter().all(is_plain)
}

/// The method by a name of ours: those that clients make up would be figures without an end.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("OTHER")
}

/// What the headers say of whoever asks for a run.
pub(super) fn said_by(headers: &HeaderMap) -> Said<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Said { request_id: text("x-request-id"), trace: text("langsmith-trace"), baggage: text("baggage") }
}
