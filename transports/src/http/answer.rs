//! Answers: JSON documents, refusals with their status, and what is said when a handler breaks.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::wire::{self, PageOf, Reason, Refusal, Select};

/// What a handler ends with.
pub(super) type Answer = Result<HttpResponse, Refusal>;

/// After how many seconds a client may ask again for what there was no room for: about as long as a short run
/// takes, and a server that starts again.
const TRY_AGAIN: u64 = 5;

/// 200 with a document.
pub(super) fn json(value: &impl Serialize) -> HttpResponse {
    document(StatusCode::OK, value)
}

/// 200 with a page of resources; the headers say whether another page follows.
pub(super) fn page(page: &PageOf<impl Serialize>, select: &Select) -> Answer {
    let mut answer = selected(page.items.iter(), select)?;
    let numbers = [("x-pagination-total", Some(page.total)), ("x-pagination-next", page.next)];
    for (name, number) in numbers {
        if let Some(number) = number {
            answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }
    Ok(answer)
}

/// 200 with a list of resources, of each what the client wants to see.
pub(super) fn selected(resources: impl Iterator<Item = impl Serialize>, select: &Select) -> Answer {
    let resources: Result<Vec<_>, _> = resources.map(|resource| select.of(&resource)).collect();
    encoded(resources)
}

/// 200 with a document that could have failed to become one.
pub(super) fn encoded<E: std::error::Error>(document: Result<impl Serialize, E>) -> Answer {
    document.map(|document| json(&document)).map_err(|error| unreadable(&error))
}

fn document(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    match wire::encode(value) {
        Ok(body) => HttpResponse::build(status).content_type(ContentType::json()).body(body),
        Err(error) => unreadable(&error).error_response(),
    }
}

/// What is said when an answer cannot be encoded; why is for the log.
pub(super) fn unreadable(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(error = %error, "an answer could not be encoded");
    Refusal::new(Reason::Internal, "Internal Server Error")
}

/// The one answer that is no JSON, as clients of the API know it.
fn broken() -> HttpResponse {
    HttpResponse::InternalServerError().content_type(ContentType::plaintext()).body("Internal Server Error")
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match self.reason {
            Reason::Internal => broken(),
            Reason::Unavailable => later(document(self.status_code(), self), TRY_AGAIN),
            Reason::TooMany { retry_after } => later(document(self.status_code(), self), retry_after),
            _ => document(self.status_code(), self),
        }
    }
}

/// The answer, with the number of seconds after which to ask again.
fn later(mut answer: HttpResponse, seconds: u64) -> HttpResponse {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

impl From<eddyline_runtime::Error> for Refusal {
    fn from(error: eddyline_runtime::Error) -> Self {
        use eddyline_engine::StorageError;
        use eddyline_engine::store::StoreError;
        use eddyline_runtime::Error;
        // It is one storage, whoever asks it.
        let error = match error {
            Error::Store(StoreError::Storage(error)) => Error::Storage(error),
            error => error,
        };
        let reason = match &error {
            Error::ThreadNotFound { .. }
            | Error::RunNotFound { .. }
            | Error::AssistantNotFound { .. }
            | Error::CronNotFound { .. }
            | Error::VersionNotFound { .. }
            | Error::GraphNotFound { .. }
            | Error::NothingToCancel { .. } => Reason::NotFound,
            Error::Forbidden { .. } => Reason::Forbidden,
            Error::ThreadExists { .. }
            | Error::ThreadBusy { .. }
            | Error::NotAsked { .. }
            | Error::AssistantExists { .. } => Reason::Conflict,
            Error::InvalidAssistant { .. }
            | Error::Invalid { .. }
            | Error::Storage(StorageError::Refused { .. })
            | Error::Store(
                StoreError::Label { .. }
                | StoreError::NoIndex
                | StoreError::Storage(StorageError::Refused { .. }),
            ) => Reason::Unprocessable,
            Error::Contradiction { .. }
            | Error::NoGraph { .. }
            | Error::InvalidUpdate { .. }
            | Error::Store(StoreError::Namespace { .. } | StoreError::Operator { .. }) => Reason::BadRequest,
            Error::StateTooLarge { .. } => Reason::TooLarge,
            Error::QueueFull { .. }
            | Error::TooManyRuns { .. }
            | Error::TooManyDeliveries { .. }
            | Error::Stopping
            | Error::Lost
            | Error::Storage(_) => Reason::Unavailable,
            _ => Reason::Internal,
        };
        let lost = reason == Reason::Unavailable && matches!(error, Error::Storage(_) | Error::Lost);
        if reason == Reason::Internal || lost {
            // What is wrong inside is for the log; the client learns that something is.
            tracing::error!(code = error.code(), error = ?error, "a request failed");
        }
        let detail = capitalised(&error.to_string());
        Self::new(
            reason,
            match error {
                Error::Storage(_) if lost => {
                    format!("{}: the server cannot store or read this now; its log says why", error.code())
                }
                Error::TooManyRuns { .. } => {
                    format!("{detail}; the setting `runs.max_open` says how many may")
                }
                // Whoever was asked lost its storage before it could say so, if it is lost.
                Error::StateTooLarge { .. } | Error::Lost => format!("{}: {error}", error.code()),
                Error::QueueFull { .. } => format!("{detail}; try again when one of them is over"),
                _ => detail,
            },
        )
    }
}

/// Clients of the API read sentences.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Gives words to what ends without any: a method that does not fit, a handler that panicked.
pub(super) async fn in_words(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = request.request().clone();
    let answer = match next.call(request).await {
        Ok(answer) => answer.map_into_boxed_body(),
        Err(error) if error.as_error::<Refusal>().is_some() => ServiceResponse::from_err(error, asked),
        Err(_) => ServiceResponse::new(asked, broken()),
    };
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED
        || answer.response().body().size() != BodySize::Sized(0)
    {
        return Ok(answer);
    }
    let allow = answer.headers().get(actix_web::http::header::ALLOW).cloned();
    let refusal = Refusal::new(Reason::MethodNotAllowed, "Method Not Allowed");
    let mut in_words = refusal.error_response();
    if let Some(allow) = allow {
        in_words.headers_mut().insert(actix_web::http::header::ALLOW, allow);
    }
    Ok(answer.into_response(in_words))
}
