//! The routes as a client sees them, without a socket.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use eddyline_runtime::Runtime;

use super::accounts::accounted;
use super::cors::Pages;
use super::operation::{Path, get};
use super::request::Served;
use super::routes;
use crate::{HttpOptions, Shutdown};

/// An answer: status, the headers asked for, body.
struct Answer {
    status: StatusCode,
    headers: actix_web::http::header::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

async fn ask(request: TestRequest) -> Answer {
    let runtime = Runtime::builder().start().unwrap();
    let options = HttpOptions { max_body_bytes: 64, stop_grace: Duration::ZERO, ..HttpOptions::default() };
    let served = Served::new(runtime.handle(), None, Shutdown::new(), &options);
    let broken = || async {
        assert!(std::hint::black_box(false), "this handler always panics");
        ""
    };
    let app = App::new()
        .app_data(web::Data::new(served))
        .service(Path::new("/broken", [get(broken, "Breaks")]).service())
        .configure(routes::configure)
        .wrap(from_fn(accounted))
        .wrap(Pages::new(&HttpOptions { cors_origins: Vec::new(), ..options }).policy());
    let answer = call_service(&init_service(app).await, request.to_request()).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, body: String::from_utf8(read_body(answer).await.into()).unwrap() }
}

async fn check(request: TestRequest, status: u16, body: &str) -> Answer {
    let answer = ask(request).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body));
    answer
}

#[actix_web::test]
async fn the_server_is_up() {
    let answer = check(TestRequest::get().uri("/ok"), 200, r#"{"ok":true,"services":{}}"#).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "");
    assert_eq!(ask(TestRequest::with_uri("/ok").method("HEAD".parse().unwrap())).await.status, 200);
}

#[actix_web::test]
async fn what_leads_nowhere() {
    let answer = check(TestRequest::get().uri("/nowhere"), 404, r#"{"detail":"Not Found"}"#).await;
    assert_eq!(answer.header("content-type"), "application/json");
    check(TestRequest::get().uri("/nowhere/"), 404, r#"{"detail":"Not Found"}"#).await;

    let answer = check(TestRequest::put().uri("/threads"), 405, r#"{"detail":"Method Not Allowed"}"#).await;
    assert_eq!((answer.header("allow"), answer.header("content-type")), ("POST", "application/json"));
    let answer = check(TestRequest::post().uri("/ok"), 405, r#"{"detail":"Method Not Allowed"}"#).await;
    assert_eq!(answer.header("allow"), "GET, HEAD");

    let answer = ask(TestRequest::post().uri("/threads/?a=b")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "/threads?a=b"));
}

#[actix_web::test]
async fn bodies_and_ids_that_make_no_sense() {
    let post = |body: &'static str| TestRequest::post().uri("/threads").set_payload(body);
    check(post("{bad"), 422, r#"{"detail":"Invalid JSON in request body"}"#).await;
    check(post(""), 422, r#"{"detail":"Invalid JSON in request body"}"#).await;
    check(post("[1]"), 422, r#"{"detail":"[1] is not of type \"object\""}"#).await;
    let large = TestRequest::post().uri("/threads").set_payload(" ".repeat(65));
    check(large, 413, r#"{"detail":"Request body too large (limit: 64 bytes)"}"#).await;

    let detail = r#"{"detail":"Invalid thread ID: must be a UUID"}"#;
    check(TestRequest::get().uri("/threads/not-a-uuid"), 422, detail).await;
    check(TestRequest::post().uri("/threads/not-a-uuid/runs/stream"), 422, detail).await;

    let id = "00000000-0000-0000-0000-000000000001";
    let detail = format!(r#"{{"detail":"Thread with ID {id} not found"}}"#);
    check(TestRequest::get().uri(&format!("/threads/{id}")), 404, &detail).await;
}

#[actix_web::test]
async fn an_item_without_a_key_is_refused_in_its_own_way() {
    check(TestRequest::get().uri("/store/items?namespace=a"), 400, r#"{"error":"Key is required"}"#).await;
}

#[actix_web::test]
async fn flags_say_what_there_is() {
    let info: serde_json::Value =
        serde_json::from_str(&ask(TestRequest::get().uri("/info")).await.body).unwrap();
    let expected = serde_json::json!({
        "assistants": true, "crons": true, "langsmith": false, "langsmith_tracing_replicas": false,
        "langsmith_tracing_session_on_runs": false, "strict_resume": true,
    });
    assert_eq!(info["flags"], expected);
}

#[actix_web::test]
async fn a_request_for_work_has_an_id() {
    let path = "/threads/00000000-0000-0000-0000-000000000001";
    let answer = ask(TestRequest::get().uri(path).insert_header(("x-request-id", "mine"))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-request-id")), (404, "mine"));
    let fresh = ask(TestRequest::get().uri(path)).await;
    assert!(fresh.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "a fresh one");
    let ok = || TestRequest::get().uri("/ok");
    for odd in ["", "a b", &"a".repeat(200)] {
        let answer = ask(ok().insert_header(("x-request-id", odd))).await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{odd:?} is no id");
    }
}

#[actix_web::test]
async fn a_handler_that_panics_takes_nothing_with_it() {
    let answer = check(TestRequest::get().uri("/broken"), 500, "Internal Server Error").await;
    assert!(answer.header("content-type").starts_with("text/plain"));
}

#[actix_web::test]
async fn pages_of_other_origins_may_read() {
    let answer =
        ask(TestRequest::get().uri("/ok").insert_header(("origin", "https://chat.example.org"))).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for name in ["x-pagination-total", "x-pagination-next", "content-location", "location"] {
        assert!(answer.header("access-control-expose-headers").contains(name), "{name} is hidden");
    }

    let preflight = TestRequest::with_uri("/threads")
        .method("OPTIONS".parse().unwrap())
        .insert_header(("origin", "https://chat.example.org"))
        .insert_header(("access-control-request-method", "POST"))
        .insert_header(("access-control-request-headers", "x-api-key,content-type"))
        .insert_header(("access-control-request-private-network", "true"));
    let answer = ask(preflight).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-max-age")), (200, "600"));
    assert!(answer.header("access-control-allow-headers").contains("x-api-key"));
    assert_eq!(answer.header("access-control-allow-private-network"), "true");
    assert!(answer.header("access-control-allow-methods").contains("DELETE"));
}
