//! Who asks: known before a handler is, and told to it.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, ResponseError as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::HttpOptions;
use crate::auth::{Authenticate, Credentials, Denied};
use crate::wire::{Reason, Refusal};

/// How the protocols begin in whose names pages say who they are when they open a socket.
const BEARER: &str = "lg.bearer.";

/// Who has to be known, and for what.
#[derive(Clone)]
pub(super) struct Door {
    authenticate: Option<Arc<dyn Authenticate>>,
    open_metrics: bool,
}

impl Door {
    pub(super) fn new(options: &HttpOptions) -> Self {
        Self { authenticate: options.authenticate.clone(), open_metrics: options.open_metrics }
    }

    fn is_open(&self, path: &str) -> bool {
        path == "/ok" || (self.open_metrics && path == "/metrics")
    }
}

/// Answers those only who are known, but for who asks for what is open.
pub(super) async fn known(
    door: Door,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    let is_open = door.is_open(request.path());
    if let Some(authenticate) = door.authenticate.filter(|_| !is_open) {
        let token = token(request.headers());
        let said = Credentials { bearer: token.as_deref(), ..credentials(request.headers()) };
        match authenticate.authenticate(said).await {
            Ok(user) => {
                request.extensions_mut().insert(Arc::new(user));
            }
            Err(denied) => return Ok(request.into_response(refused(denied)).map_into_right_body()),
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Credentials { api_key: text("x-api-key"), bearer: None }
}

/// What is behind `Bearer`, or what a page says in the name of a WebSocket's protocol: it can say it nowhere else.
fn token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|text| text.split_once(' '));
    if let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        return Some(token.trim().to_owned());
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let token =
        offered.flat_map(|value| value.split(',')).find_map(|name| name.trim().strip_prefix(BEARER))?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

fn refused(denied: Denied) -> actix_web::HttpResponse {
    let (reason, text) = match denied {
        Denied::Unknown(text) => (Reason::Unauthorized, text),
        Denied::Forbidden(text) => (Reason::Forbidden, text),
    };
    let is_unknown = reason == Reason::Unauthorized;
    let mut answer = Refusal::new(reason, text).error_response();
    if is_unknown {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}
