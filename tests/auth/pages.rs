//! Pages in browsers: which may ask, and what they read.

use tungstenite::client::IntoClientRequest as _;
use ureq::Body;
use ureq::http::Response;

use super::{KEYS, make};
use crate::http::{ask, detail, header};
use crate::server::Server;

const PAGE: &str = "https://chat.example.org";

fn preflight(server: &Server, origin: &str) -> Response<Body> {
    let asks = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-api-key,content-type,last-event-id"),
    ];
    ask(server, "OPTIONS", "/threads/search", &asks, "")
}

fn socket(server: &Server, headers: &[(&'static str, &str)]) -> Result<(), u16> {
    let path = "/threads/00000000-0000-4000-8000-000000000001/stream/events";
    let url = server.url(path).replacen("http", "ws", 1);
    let mut request = url.as_str().into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match tungstenite::connect(request) {
        Ok(_) => Ok(()),
        Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_page_that_is_listed_asks_first_without_a_key() {
    let server = Server::start_with(&[KEYS[0], ("EDDYLINE__HTTP__CORS_ORIGINS", PAGE)]);
    let key = make(&server, "page");
    let answer = preflight(&server, PAGE);
    assert_eq!(answer.status().as_u16(), 200, "a preflight has no key");
    assert_eq!(header(&answer, "access-control-allow-origin"), PAGE);
    assert_eq!(header(&answer, "access-control-allow-credentials"), "true");
    assert!(header(&answer, "access-control-allow-headers").contains("x-api-key"));
    let search = |origin: &str, key: &str| {
        ask(&server, "POST", "/threads/search", &[("origin", origin), ("x-api-key", key)], "{}")
    };
    let answer = search(PAGE, &key);
    assert_eq!((answer.status().as_u16(), header(&answer, "access-control-allow-origin")), (200, PAGE));
    for name in ["location", "content-location", "x-pagination-total", "x-pagination-next", "retry-after"] {
        assert!(header(&answer, "access-control-expose-headers").contains(name), "{name} is hidden");
    }
    let refused = search(PAGE, "");
    assert_eq!((refused.status().as_u16(), header(&refused, "access-control-allow-origin")), (401, PAGE));
    // Another page gets nothing, whatever key it knows.
    let other = "https://elsewhere.example";
    assert!(preflight(&server, other).status().is_client_error());
    let answer = search(other, &key);
    assert_eq!(header(&answer, "access-control-allow-origin"), "");
    assert!(detail(answer, 403).contains("http.cors_origins"));
    assert_eq!(socket(&server, &[("x-api-key", &key), ("origin", PAGE)]), Ok(()));
    assert_eq!(socket(&server, &[("x-api-key", &key), ("origin", other)]), Err(403));
    // Where a key is needed, a name opens nothing.
    let named =
        ask(&server, "POST", "/threads/search", &[("host", "chat.example.org"), ("x-api-key", &key)], "{}");
    assert_eq!(named.status().as_u16(), 200);
}

#[test]
fn every_page_means_no_credentials() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__CORS_ORIGINS", "*")]);
    for answer in [preflight(&server, PAGE), ask(&server, "GET", "/ok", &[("origin", PAGE)], "")] {
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
    }
}

#[test]
fn an_open_server_is_asked_by_this_machine_alone() {
    let server = Server::start_with(&[("EDDYLINE__HTTP__ALLOWED_HOSTS", "chat.internal")]);
    let url = server.url("");
    let port = url.rsplit(':').next().unwrap();
    let status =
        |headers: &[(&str, &str)]| ask(&server, "POST", "/threads/count", headers, "{}").status().as_u16();
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&[("origin", "http://localhost:3000")]), 200, "a page that somebody works on here");
    // A page sends this without asking first, and reads no answer; it is not done at all.
    assert_eq!(status(&[("origin", "https://elsewhere.example"), ("content-type", "text/plain")]), 403);
    assert_eq!(status(&[("origin", "null")]), 403);
    assert_eq!(socket(&server, &[("origin", "https://elsewhere.example")]), Err(403));
    // A page whose name leads here by now says that it is one of ours.
    let rebound = format!("elsewhere.example:{port}");
    assert_eq!(status(&[("host", &rebound), ("origin", &format!("http://{rebound}"))]), 403);
    assert_eq!(status(&[("host", &rebound)]), 403);
    assert_eq!(socket(&server, &[("host", &rebound)]), Err(403));
    assert_eq!(status(&[("host", &format!("localhost:{port}"))]), 200);
    assert_eq!(status(&[("host", "chat.internal")]), 200, "the name of a proxy before it");
}
