//! Which web pages may ask, and what they may read.
//!
//! Browsers let every page send requests to wherever it likes, this machine included, and let it connect; what
//! they keep from it is the answer. So a request that says that it comes from a page is done only if that page may read
//! the answer, too. What is no browser says no origin.

use std::net::IpAddr;
use std::rc::Rc;

use actix_cors::Cors;
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;

use super::HttpOptions;
use crate::wire::{Reason, Refusal};

/// In a list of origins: every one of this machine, whatever its port.
const LOCAL: &str = "local";

/// What answers say that pages would not read otherwise.
///
/// `location` is among them although the reference server hides it: clients in a browser need it to take up a broken
/// stream.
const EXPOSED: [&str; 6] = [
    "x-pagination-total",
    "x-pagination-next",
    "content-location",
    "location",
    "x-request-id",
    "retry-after",
];

/// Whose pages may ask, and by which names.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// Empty for every origin.
    origins: Rc<[String]>,
    /// The names under which the server is asked, beside those of this machine; `None` for any.
    hosts: Option<Rc<[String]>>,
}

impl Pages {
    pub(super) fn new(options: &HttpOptions) -> Self {
        // Where a key is needed, a page that has none gets nothing by another name.
        let is_open = options.address.ip().is_loopback() && options.authenticate.is_none();
        let hosts = is_open.then(|| options.allowed_hosts.iter().map(|name| name.to_lowercase()).collect());
        Self { origins: options.cors_origins.clone().into(), hosts }
    }

    /// Pages of these origins may read every answer; if all may, then without credentials.
    pub(super) fn policy(&self) -> Cors {
        let policy = Cors::default()
            .allow_any_method()
            .allow_any_header()
            .expose_headers(EXPOSED)
            // A page on the internet may look at a server on this machine if it is listed: so does the reference's studio.
            .allow_private_network_access()
            .max_age(600);
        if self.origins.is_empty() {
            return policy.allow_any_origin().send_wildcard();
        }
        let pages = self.clone();
        let may = move |origin: &_, head: &RequestHead| {
            let origin: &actix_web::http::header::HeaderValue = origin;
            origin.to_str().is_ok_and(|origin| pages.may(origin, head.headers()))
        };
        policy.supports_credentials().allowed_origin_fn(may)
    }

    /// Whether a page of this origin may ask; the server's own pages may.
    fn may(&self, origin: &str, headers: &HeaderMap) -> bool {
        let of = origin.split_once("://").map(|(_, of)| of);
        let is_own = || of.is_some_and(|of| text(headers, HOST) == Some(of));
        let is_listed = |listed: &String| match listed.as_str() {
            LOCAL => of.is_some_and(is_local),
            listed => listed == origin,
        };
        self.origins.is_empty() || self.origins.iter().any(is_listed) || is_own()
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let is_known = |host: &str| {
            let names = self.hosts.as_deref().unwrap_or_default();
            is_local(host) || name_of(host).is_some_and(|name| names.contains(&name))
        };
        // A page whose name leads here by now would be taken for one of ours.
        if self.hosts.is_some() && headers.contains_key(HOST) && !text(headers, HOST).is_some_and(is_known) {
            return Err(Refusal::new(
                Reason::Forbidden,
                "This server goes by no such name: `http.allowed_hosts` lists its names",
            ));
        }
        if headers.contains_key(ORIGIN) && !text(headers, ORIGIN).is_some_and(|of| self.may(of, headers)) {
            return Err(Refusal::new(
                Reason::Forbidden,
                "Pages of this origin may not ask: `http.cors_origins` lists those that may",
            ));
        }
        Ok(())
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn name_of(host: &str) -> Option<String> {
    host.parse::<Authority>().ok().map(|authority| authority.host().to_lowercase())
}

/// Whether a name, with or without a port, means this machine whoever looks it up.
fn is_local(host: &str) -> bool {
    let Some(name) = name_of(host) else { return false };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Has nothing done for pages that may not ask.
pub(super) async fn asked_from(
    pages: Pages,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, actix_web::Error> {
    match pages.check(request.headers()) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(refusal) => Ok(request.into_response(refusal.error_response()).map_into_right_body()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(origins: &[&str], host: &str, origin: &str, expected: bool) {
        let options = HttpOptions {
            cors_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            allowed_hosts: vec!["Chat.internal".to_owned()],
            ..HttpOptions::default()
        };
        let said = [(HOST, host), (ORIGIN, origin)].into_iter().filter(|(_, text)| !text.is_empty());
        let said = said.map(|(name, text): (HeaderName, _)| (name, HeaderValue::from_str(text).unwrap()));
        let headers: HeaderMap = said.collect();
        assert_eq!(Pages::new(&options).check(&headers).is_ok(), expected, "{origins:?} {host} {origin}");
    }

    #[test]
    fn pages_that_may_ask() {
        let here = "127.0.0.1:2024";
        for origin in ["http://localhost", "http://localhost:3000", "https://a.localhost", "http://[::1]:9"] {
            check(&["local"], here, origin, true);
        }
        for origin in ["https://elsewhere.example", "null", "http://localhost.example", "http://1270.0.1"] {
            check(&["local"], here, origin, false);
            check(&[], here, origin, true);
        }
        check(&["https://chat.example"], here, "https://chat.example", true);
        check(&["https://chat.example"], here, "https://chat.example:8443", false);
        check(&["https://chat.example"], here, "http://localhost:3000", false);
        check(&["https://chat.example"], here, "http://127.0.0.1:2024", true);
        check(&["local"], here, "", true);
    }

    #[test]
    fn names_by_which_it_is_asked() {
        for host in
            ["", "localhost", "LOCALHOST:1", "127.1.2.3:9", "[::1]:2024", "chat.internal:80", "a.localhost"]
        {
            check(&["local"], host, "", true);
        }
        for host in
            ["evil.example", "evil.example:2024", "localhost.evil.example", "10.0.0.7", "0.0.0.0:2024", "@"]
        {
            check(&[], host, "", false);
        }
        // A name that leads here by now is no page of ours, whatever it says.
        check(&["local"], "evil.example", "http://evil.example", false);
    }
}
