//! What handlers are given: the server that they work for, bodies, and ids out of paths.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Payload};
use actix_web::{HttpMessage as _, HttpRequest};
use eddyline_runtime::{Handle, Verdict};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::accounts::said_by;
use super::metrics::Metrics;
use super::{HttpOptions, WebSocketOptions};
use crate::wire::{self, Query, Reason, Refusal, caller, id};
use crate::{Authorize, Shutdown, User};

/// What every handler has at hand.
pub(super) struct Served {
    /// As nobody in particular sees it. Handlers ask for it as whoever sent the request does.
    runtime: Handle,
    /// What those may do who are known; `None` when everybody may do everything.
    authorize: Option<Arc<dyn Authorize>>,
    pub(super) stop: Shutdown,
    pub(super) max_body_bytes: usize,
    /// How long a client may take for a body.
    pub(super) body_timeout: Duration,
    /// How long a client may leave unread what it is sent.
    pub(super) send_timeout: Duration,
    pub(super) websocket: WebSocketOptions,
    /// How long what is under way may go on after the order to stop.
    pub(super) grace: Duration,
    pub(super) metrics: Metrics,
    pub(super) graph_schema: Option<Arc<str>>,
}

impl Served {
    /// What handlers have at hand, of a server that goes by these options.
    pub(super) fn new(
        runtime: Handle,
        authorize: Option<Arc<dyn Authorize>>,
        stop: Shutdown,
        options: &HttpOptions,
    ) -> Self {
        Self {
            runtime,
            authorize,
            stop,
            max_body_bytes: options.max_body_bytes,
            body_timeout: options.body_timeout,
            send_timeout: options.send_timeout,
            websocket: options.websocket,
            grace: options.stop_grace,
            graph_schema: options.graph_schema.clone(),
            metrics: Metrics::new(),
        }
    }

    /// The runtime, as whoever sent the request sees it.
    pub(super) fn runtime_for(&self, asked: &HttpRequest) -> Handle {
        let user = asked.extensions().get::<Arc<User>>().cloned();
        match (self.authorize.clone(), user) {
            (None, _) => self.runtime.clone(),
            (Some(authorize), Some(user)) => {
                self.runtime.limited_to(move |resource, action| authorize.authorize(&user, resource, action))
            }
            // Nobody was asked who they are, so they have nothing.
            (Some(_), None) => self.runtime.limited_to(|_, _| Verdict::Deny("Forbidden".to_owned())),
        }
    }

    /// The same for what starts runs, which know who asks. It is not for streams to keep: it weighs more.
    pub(super) fn runtime_in_name_of(&self, asked: &HttpRequest) -> Handle {
        let user = asked.extensions().get::<Arc<User>>().cloned();
        self.runtime_for(asked).on_behalf_of(caller(said_by(asked.headers()), user.as_deref()))
    }

    /// Whether requests have to say who sends them.
    pub(super) fn is_guarded(&self) -> bool {
        self.authorize.is_some()
    }

    /// The runtime as it is, for what says nothing of anybody.
    pub(super) fn whole_runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A fresh id, for a request whose client gave it none.
    pub(super) fn new_request_id(&self) -> Uuid {
        self.runtime.new_request_id()
    }

    /// When an answer that is under way has to end: runs reach a commit first, which ends their streams.
    pub(super) fn last_moment(&self) -> impl Future<Output = ()> + use<> {
        self.stop.over(self.grace)
    }

    /// Reads a JSON body, whatever its content type says.
    pub(super) async fn body<T: DeserializeOwned>(&self, payload: Payload) -> Result<T, Refusal> {
        wire::parse(&self.bytes(payload).await?)
    }

    /// Reads a JSON body that is a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, payload: Payload) -> Result<Vec<T>, Refusal> {
        wire::parse_list(&self.bytes(payload).await?)
    }

    pub(super) async fn bytes(&self, payload: Payload) -> Result<Bytes, Refusal> {
        let limit = self.max_body_bytes;
        let Ok(read) = timeout(self.body_timeout, payload.to_bytes_limited(limit)).await else {
            let seconds = self.body_timeout.as_secs();
            return Err(Refusal::new(
                Reason::Timeout,
                format!("The body did not come within {seconds} seconds"),
            ));
        };
        match read {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(Refusal::new(Reason::BadRequest, error.to_string())),
            Err(_) => {
                Err(Refusal::new(Reason::TooLarge, format!("Request body too large (limit: {limit} bytes)")))
            }
        }
    }
}

/// The id of a thread out of a path.
pub(super) fn thread_id(text: &str) -> Result<Uuid, Refusal> {
    id("thread", text)
}

/// The id of a run out of a path.
pub(super) fn run_id(text: &str) -> Result<Uuid, Refusal> {
    id("run", text)
}

/// Where a client says that it stopped reading.
pub(super) fn last_event_id(request: &HttpRequest) -> Option<&str> {
    request.headers().get("last-event-id").and_then(|value| value.to_str().ok())
}

/// The query of a request; a name may come more than once.
pub(super) fn query(request: &HttpRequest) -> Result<Query, Refusal> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = pairs.map_err(|error| Refusal::new(Reason::BadRequest, error.to_string()))?;
    Ok(Query::new(pairs.into_inner()))
}

/// Carries a change out to its end, even when the client goes away and takes the connection with it.
pub(super) async fn detached<T: 'static>(
    change: impl Future<Output = Result<T, eddyline_runtime::Error>> + 'static,
) -> Result<T, Refusal> {
    match actix_web::rt::spawn(change).await {
        Ok(answer) => Ok(answer?),
        Err(lost) => {
            tracing::error!(error = %lost, "a request ended before its answer");
            Err(Refusal::new(Reason::Internal, "Internal Server Error"))
        }
    }
}
