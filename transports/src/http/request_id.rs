//! Every request for threads and runs has an id: its client's, or a fresh one. The answer says it again.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::request::Served;
use crate::wire::Said;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request its id, if it has none, and sends it back.
pub(super) async fn identified(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let is_of_work = ["/runs", "/threads"].iter().any(|path| request.path().starts_with(path));
    let served = request.app_data::<Data<Served>>().filter(|_| is_of_work);
    let Some(served) = served.cloned() else { return next.call(request).await };
    let fresh = || HeaderValue::from_str(&served.runtime.new_request_id().to_string()).ok();
    let id = request.headers().get(REQUEST_ID).cloned().or_else(fresh);
    if let Some(id) = id.clone() {
        request.headers_mut().insert(REQUEST_ID, id);
    }
    let mut answer = next.call(request).await?;
    if let Some(id) = id {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(answer)
}

/// What the headers say of whoever asks for a run.
pub(super) fn said_by(headers: &HeaderMap) -> Said<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Said { request_id: text("x-request-id"), trace: text("langsmith-trace"), baggage: text("baggage") }
}
