//! What goes wrong: which requests are made again, what the error says, and what it keeps for itself.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eddyline_engine::local::Memory;
use eddyline_engine::model::ChatModel;
use eddyline_engine::prelude::*;
use eddyline_engine::project::{Mode, Modes};
use eddyline_engine::testing::World;
use eddyline_graphs::models::{Anthropic, OpenAi, Providers};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::server::{Provider, Reply};
use crate::{KEY, pieces, question};

const TEXT: &str = include_str!("streams/openai_text.txt");
const THINKING: &str = include_str!("streams/anthropic_thinking.txt");

/// Waits a millisecond before a request is made again.
const SOON: &str = "retry-after-ms: 1";

fn open_ai(provider: &Provider) -> OpenAi {
    OpenAi::new("m").base_url(&provider.url).key(KEY)
}

fn anthropic(provider: &Provider) -> Anthropic {
    Anthropic::new("m").base_url(&provider.url).key(KEY)
}

/// The first `count` events of a stream.
fn events(stream: &str, count: usize) -> String {
    stream.split_inclusive("\n\n").take(count).collect()
}

/// What a model says of `replies`: the number of pieces, the error, and how often it asked.
async fn ends<M: ChatModel>(
    replies: impl IntoIterator<Item = Reply>,
    model: impl Fn(&Provider) -> M,
) -> (usize, Option<String>, usize) {
    let provider = Provider::start(replies).await;
    let model = model(&provider);
    let mut pieces = pieces(&model).await;
    let error = pieces.pop_if(|last| last.is_err()).map(|last| last.expect_err("it is one"));
    let told = error.as_ref().map(|error| format!("{error:?} {error} {:?}", error.failure()));
    assert!(!told.as_ref().is_some_and(|told| told.contains("canary")), "{told:?}");
    (pieces.len(), error.map(|error| error.to_string()), provider.asked().len())
}

fn status(status: &str, header: &str) -> Reply {
    Reply::status(status, &[header], r#"{"error": {"message": "not now"}}"#)
}

#[tokio::test]
async fn a_request_is_made_again_while_nothing_has_come() {
    let whole = || Reply::stream([TEXT]);
    let again = [
        status("429 Too Many Requests", SOON),
        status("500 Internal Server Error", SOON),
        status("503 Service Unavailable", SOON),
        status("408 Request Timeout", SOON),
    ];
    for reply in again {
        assert_eq!(ends([reply, whole()], open_ai).await, (3, None, 2));
    }
    // The waits between these are ours, and begin with half a second to one.
    let broken = [Reply::stream([""]).broken(), Reply::stream([events(TEXT, 1)]).broken()];
    for reply in broken {
        assert_eq!(ends([reply, whole()], open_ai).await, (3, None, 2));
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let cases = [
        (status("400 Bad Request", SOON), "BadRequestError: 400 Bad Request: not now"),
        (status("404 Not Found", SOON), "NotFoundError: 404 Not Found: not now"),
        (status("403 Forbidden", SOON), "PermissionDeniedError: 403 Forbidden: not now"),
        (
            status("429 Too Many Requests", "retry-after: 3600"),
            "RateLimitError: 429 Too Many Requests: not now",
        ),
        (status("302 Found", "location: http://127.0.0.1:1/"), "APIStatusError: 302 Found: not now"),
        (status("200 OK", SOON), "APIError: 200 OK: not now"),
        (Reply::status("502 Bad Gateway", &["retry-after: 99"], ""), "InternalServerError: 502 Bad Gateway"),
    ];
    for (reply, expected) in cases {
        assert_eq!(ends([reply], open_ai).await, (0, Some(expected.to_owned()), 1));
    }
}

#[tokio::test]
async fn it_gives_up_after_two_more_attempts() {
    let replies = [(); 4].map(|()| status("500 Internal Server Error", SOON));
    let expected = "InternalServerError: 500 Internal Server Error: not now".to_owned();
    assert_eq!(ends(replies.clone(), open_ai).await, (0, Some(expected.clone()), 3));
    assert_eq!(
        ends(replies.clone(), |provider| open_ai(provider).retries(0)).await,
        (0, Some(expected.clone()), 1)
    );
    assert_eq!(ends(replies, anthropic).await, (0, Some(expected), 3));
}

#[tokio::test]
async fn after_the_first_piece_an_error_is_final() {
    let closed = "APIConnectionError: the connection closed in the middle of the answer";
    let cases = [
        (
            r#"{"error": {"message": "The server had an error", "type": "server_error"}}"#,
            "InternalServerError: The server had an error",
        ),
        (
            r#"{"error": {"code": 502, "message": "Provider disconnected"}}"#,
            "InternalServerError: Provider disconnected",
        ),
        ("{\"choices\": 5}", "APIError: the provider's answer cannot be read: invalid type"),
        ("no JSON", "APIError: the provider's answer cannot be read: expected ident at line 1 column 2"),
    ];
    for (data, expected) in cases {
        let stream = format!("{}data: {data}\n\n", events(TEXT, 2));
        let (pieces, error, asked) = ends([Reply::stream([stream]), Reply::stream([TEXT])], open_ai).await;
        assert_eq!((pieces, asked), (1, 1));
        assert!(error.as_ref().is_some_and(|error| error.starts_with(expected)), "{error:?}");
    }
    let cut = Reply::stream([events(TEXT, 3)]);
    assert_eq!(ends([cut, Reply::stream([TEXT])], open_ai).await, (2, Some(closed.to_owned()), 1));
    let (pieces, error, asked) = ends([Reply::stream([events(TEXT, 3)]).broken()], open_ai).await;
    assert_eq!((pieces, asked), (2, 1));
    assert!(error.is_some_and(|error| error.starts_with("APIConnectionError: ")));
    let error = "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let stream = events(THINKING, 3) + error;
    let expected = Some("InternalServerError: Overloaded".to_owned());
    assert_eq!(ends([Reply::stream([stream])], anthropic).await, (1, expected, 1));
}

#[tokio::test]
async fn no_error_tells_the_key() {
    let told = format!(r#"{{"error": {{"message": "Incorrect API key provided: {KEY}."}}}}"#);
    let blotted = r#"{"error": {"message": "Incorrect API key provided: sk-cana**********6789."}}"#;
    let refused = |body: &str| Reply::status("401 Unauthorized", &[], body);
    let expected = "AuthenticationError: 401 Unauthorized: Incorrect API key provided: ***";
    for (body, end) in [(&*told, "."), (blotted, "")] {
        let (_, error, asked) = ends([refused(body)], open_ai).await;
        assert_eq!((error, asked), (Some(format!("{expected}{end}")), 1));
        let (_, error, _) = ends([refused(body)], anthropic).await;
        assert_eq!(error, Some(format!("{expected}{end}")));
    }
    let in_stream = Reply::stream([format!("{}data: {told}\n\n", events(TEXT, 2))]);
    let (_, error, _) = ends([in_stream], open_ai).await;
    assert_eq!(error.unwrap(), "APIError: Incorrect API key provided: ***.");
    let garbage = Reply::stream([format!("data: \"{KEY}\"\n\n")]);
    let (_, error, _) = ends([garbage], open_ai).await;
    assert!(error.unwrap().contains("***"));
    // Nobody listens there, and the address has the key in it.
    let nowhere = OpenAi::new("m").base_url(format!("http://127.0.0.1:1/v1?key={KEY}")).retries(0);
    let error = pieces(&nowhere).await.pop().unwrap().unwrap_err();
    assert_eq!(error.class(), "APIConnectionError");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    for model in [nowhere.clone().base_url("nowhere"), nowhere.clone().header("x", format!("{KEY}\n"))] {
        let error = pieces(&model).await.pop().unwrap().unwrap_err();
        assert_eq!(error.class(), "ValueError");
        let told = format!("{error:?} {model:?} {:?}", nowhere.clone().key(KEY));
        assert!(!told.contains("canary"), "{told}");
    }
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_given_up() {
    let impatient = |provider: &Provider| open_ai(provider).timeout(Duration::from_millis(40)).retries(0);
    let expected = Some("APITimeoutError: the provider said nothing for 0.04 s".to_owned());
    assert_eq!(ends([Reply::stream([""]).silent()], impatient).await, (0, expected.clone(), 1));
    let cut = Reply::stream([events(TEXT, 2)]).silent();
    assert_eq!(ends([cut], impatient).await, (1, expected, 1));
}

/// How often it is tried: a machine that is busy with something else may be late once.
const TIMES: usize = 20;

/// The middle one of the times from a drop to the end of the connection.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn dropping_an_answer_closes_its_connection_at_once() {
    let mut provider = Provider::start([(); TIMES].map(|()| Reply::stream([events(TEXT, 2)]).silent())).await;
    let model = open_ai(&provider);
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let mut answer = model.stream(question());
        answer.next().await.unwrap().unwrap();
        let dropped = Instant::now();
        drop(answer);
        times.push(provider.closed().await - dropped);
    }
    eprintln!("from the drop to the end of the connection: {times:?}");
    assert!(middle(times.clone()) < Duration::from_millis(50), "{times:?}");
}

/// Takes in everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_name_leads_to_the_provider_and_the_key_nowhere_else() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());

    let provider = Provider::start([status("503 Service Unavailable", SOON), Reply::stream([TEXT])]).await;
    let url = provider.url.clone();
    let providers = Providers::from_variables(|name| match name {
        "OPENAI_API_KEY" => Some(KEY.to_owned()),
        "OPENAI_BASE_URL" => Some(url.clone()),
        _ => None,
    });
    let (graph, world) = (asking(), World::new());
    let memory = Memory::new("thread");
    let mut run =
        world.run(&graph, MessagesState::update().messages(["hi"])).thread(&memory).models(providers);
    run = run
        .configurable("model", "openai:gpt-4o-mini")
        .modes(Mode::ALL.map(|(mode, _)| mode).into_iter().collect::<Modes>());
    let mut told = String::new();
    while let Some(event) = run.next().await {
        told += &event.unwrap().data.payload().to_string();
    }
    let finished = format!("{:?}", run.finished());
    assert!(told.contains("Grüß Gott"), "{told}");
    assert!(provider.asked().iter().all(|asked| asked.head.contains(&format!("bearer {KEY}"))));
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("hyper"), "the log of the connection is here");
    assert!(!(told + &finished).contains("canary") && !logged.contains("canary"));
}

async fn ask(state: MessagesState, ctx: NodeContext) -> Result<Update<MessagesState>> {
    let name = ctx.configurable("model").and_then(Value::as_str).unwrap_or("house");
    Ok(MessagesState::update().messages([ctx.model(name)?.invoke(&state.messages).await?]))
}

fn asking() -> CompiledGraph<MessagesState> {
    StateGraph::<MessagesState>::new()
        .node("ask", ask)
        .edge(START, "ask")
        .compile()
        .expect("the graph compiles")
}

#[tokio::test]
async fn dropping_a_run_closes_its_connection_at_once() {
    let mut provider = Provider::start([(); TIMES].map(|()| Reply::stream([events(TEXT, 2)]).silent())).await;
    let (graph, world) = (asking(), World::new());
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let run = world.run(&graph, MessagesState::update().messages(["hi"]));
        let mut run = run.model("house", open_ai(&provider)).modes(Mode::MessagesTuple);
        run.next().await.unwrap().unwrap();
        let dropped = Instant::now();
        drop(run);
        times.push(provider.closed().await - dropped);
    }
    assert!(middle(times.clone()) < Duration::from_millis(50), "{times:?}");
}

#[test]
fn without_tokio_it_fails_and_does_not_panic() {
    let world = World::new();
    let run = world.run(&asking(), MessagesState::update().messages(["hi"])).model("house", OpenAi::new("m"));
    let error = world.block_on(run.invoke()).unwrap_err();
    assert!(error.to_string().contains("needs a Tokio runtime"), "{error}");
}
