//! The HTTP API without HTTP: requests of other transports, answered by the same routes in the same process.

use actix_http::{Payload, Request};
use actix_service::IntoServiceFactory as _;
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{AppConfig, Service, ServiceFactory as _, ServiceResponse};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, Uri};
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use bytes::Bytes;
use eddyline_runtime::Handle;
use futures_util::future::LocalBoxFuture;
use tokio::sync::OnceCell;

use super::HttpOptions;
use super::accounts::accounted;
use super::request::Served;
use super::routes;
use crate::Shutdown;
use crate::wire::protocol::{Document, Problem, RestCall, rest};

type Routes =
    Box<dyn Fn(Request) -> LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, actix_web::Error>>>;

/// The routes of the API, made when they are called first.
pub(crate) struct Inner {
    served: web::Data<Served>,
    routes: OnceCell<Routes>,
}

impl Inner {
    /// The API over this runtime.
    pub(crate) fn new(runtime: Handle, stop: Shutdown) -> Self {
        // The line that a body comes in is bounded.
        let options = HttpOptions { max_body_bytes: usize::MAX, ..HttpOptions::default() };
        // It belongs to whoever started the program.
        let served = Served::new(runtime, None, stop, &options);
        Self { served: web::Data::new(served), routes: OnceCell::new() }
    }

    /// Answers a request as it would be over HTTP. What streams is refused: there is nowhere to stream to.
    pub(crate) async fn call(&self, call: RestCall) -> Result<Document, Problem> {
        let RestCall { method, path, body } = call;
        let streams =
            || Problem::not_supported("rest.call answers with documents; subscribe to events instead");
        let route = path.split('?').next().unwrap_or_default();
        if route.ends_with("/stream") || route.ends_with("/stream/events") {
            return Err(streams());
        }
        let mut request = Request::with_payload(Payload::from(Bytes::from(body.unwrap_or_default())));
        let head = request.head_mut();
        head.method = method.parse::<Method>().map_err(|error| Problem::invalid(error.to_string()))?;
        head.uri = path.parse::<Uri>().map_err(|error| Problem::invalid(error.to_string()))?;
        let routes = self.routes.get_or_try_init(|| routes_of(self.served.clone())).await?;
        let answer = routes(request).await.map_err(|error| Problem::failed(error.to_string()))?;
        let is_stream = |value: &[u8]| value.starts_with(b"text/event-stream");
        if answer.headers().get(CONTENT_TYPE).is_some_and(|value| is_stream(value.as_bytes())) {
            return Err(streams());
        }
        let status = answer.status().as_u16();
        let headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let body = to_bytes(answer.into_body()).await.map_err(|error| Problem::failed(error.to_string()))?;
        Ok(rest(status, headers.into_iter(), &body))
    }
}

async fn routes_of(served: web::Data<Served>) -> Result<Routes, Problem> {
    let app =
        App::new().app_data(served).configure(routes::configure).wrap(from_fn(accounted)).into_factory();
    let service = app.new_service(AppConfig::default()).await.map_err(|()| Problem::failed("no routes"))?;
    Ok(Box::new(move |request| {
        let answer = service.call(request);
        Box::pin(async move { answer.await.map(ServiceResponse::map_into_boxed_body) })
    }))
}
