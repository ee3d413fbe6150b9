//! Requests over HTTP as tools: what is asked, what the model is told, and what is refused.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use eddyline_engine::prelude::*;
use eddyline_engine::testing::World;
use eddyline_graphs::prebuilt::{ToolNode, ask_tools};
use eddyline_graphs::tools::{HttpTool, Tool};

use crate::support::{asks, call};

/// A server that gives one answer, and tells what it was asked.
struct Server {
    url: String,
    thread: std::thread::JoinHandle<String>,
}

impl Server {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let (mut asked, mut bytes) = (String::new(), [0; 4096]);
            while !is_whole(&asked) {
                let read = connection.read(&mut bytes).unwrap();
                assert!(read > 0, "the request broke off: {asked}");
                asked.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
            connection.write_all(answer.as_bytes()).unwrap();
            if answer.is_empty() {
                // No answer, until the client leaves.
                let _ = connection.read(&mut bytes);
            }
            asked
        });
        Self { url, thread }
    }

    fn asked(self) -> String {
        self.thread.join().unwrap()
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

#[view]
struct Order {
    id: String,
    count: Option<u32>,
}

/// What a model is told that calls the tool.
fn told(tool: Tool, args: Value) -> String {
    let name = tool.spec().name.to_string();
    let model = move |_: MessagesState| {
        std::future::ready(MessagesState::update().messages([asks([call("1", &name, args.clone())])]))
    };
    let graph = StateGraph::<MessagesState>::new()
        .node("model", model)
        .node("tools", ToolNode::new([tool]))
        .edge(START, "model")
        .conditional_edges("model", ask_tools("tools"), ["tools", END])
        .compile()
        .unwrap();
    let run = eddyline_engine::Graph::from(graph).run_any(json!({"messages": []}), Arc::new(World::new()));
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let values = executor.block_on(run.finish()).values.to_json();
    values["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}";

fn order(url: &str) -> HttpTool {
    HttpTool::post("order", "Orders.", &format!("{url}/orders/{{id}}/v1?from=a%20b")).arguments::<Order>()
}

#[test]
fn arguments_stand_where_the_tool_says() {
    let server = Server::start(FINE);
    let tool = order(&server.url)
        .query("count", "{count}")
        .header("x-key", "sk-{count}")
        .json(json!({"n": "{count}", "who": ["no {id}", "{ id }"], "fixed": 1}))
        .allow_private(["127.0.0.1"])
        .build()
        .unwrap();
    assert_eq!(told(tool, json!({"id": "a/b?c#%2e ü", "count": 3})), r#"{"a": 1}"#);
    let asked = server.asked();
    let line = "POST /orders/a%2Fb%3Fc%23%252e%20%C3%BC/v1?from=a+b&count=3 HTTP/1.1\r\n";
    assert!(asked.starts_with(line) && asked.contains("x-key: sk-{count}\r\n"), "{asked}");
    let body: Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body, json!({"n": 3, "who": ["no a/b?c#%2e ü", "{ id }"], "fixed": 1}));
}

#[test]
fn what_the_model_did_not_say_is_left_out() {
    let server = Server::start(FINE);
    let tool = order(&server.url).query("count", "{count}").json(json!({"n": "{count}"}));
    assert_eq!(told(tool.allow_private(["127.0.0.1"]).build().unwrap(), json!({"id": "7"})), r#"{"a": 1}"#);
    let asked = server.asked();
    assert!(asked.starts_with("POST /orders/7/v1?from=a+b HTTP/1.1\r\n") && asked.ends_with("{}"), "{asked}");
}

#[test]
fn an_argument_leads_nowhere_else() {
    let tool = order("http://127.0.0.1:9").allow_private(["127.0.0.1"]).build().unwrap();
    for id in ["..", ".", ""] {
        let said = told(tool.clone(), json!({ "id": id }));
        assert!(said.contains("ValueError: an argument cannot make"), "{id}: {said}");
    }
    assert!(told(tool, json!({})).contains("ValueError: the argument `id` is missing"));
    // A part of a step is one, too.
    let half = HttpTool::get("half", "", "http://127.0.0.1:9/a/%2e{id}/b").arguments::<Order>();
    let said = told(half.allow_private(["127.0.0.1"]).build().unwrap(), json!({"id": "."}));
    assert!(said.contains("an argument cannot make"), "{said}");
    // A private address is refused before a request is made.
    let local = order("http://127.0.0.1:9").build().unwrap_err().to_string();
    assert!(local.ends_with("the URL `127.0.0.1` is not on the public internet, and is not allowed by name"));
}

#[test]
fn what_goes_wrong_is_told_to_the_model() {
    let answers = [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", "HttpError: the server answered 404: no"),
        ("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "the server answered 302"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789", "the answer has more than 8 bytes"),
        ("", "the server did not answer in time"),
    ];
    for (answer, expected) in answers {
        let server = Server::start(answer);
        let tool = order(&server.url).allow_private(["127.0.0.1"]).max_bytes(8);
        let limit = if answer.is_empty() { Duration::from_millis(100) } else { Duration::from_secs(30) };
        let said = told(tool.timeout(limit).build().unwrap(), json!({"id": "7"}));
        assert!(said.contains(expected), "{said}");
        server.asked();
    }
    let server = Server::start(answers[0].0);
    let tool = order(&server.url).allow_private(["127.0.0.1"]).any_status().build().unwrap();
    assert_eq!(told(tool, json!({"id": "7"})), "no");
    server.asked();
}

#[test]
fn a_tool_that_cannot_work_is_refused() {
    let url = "https://example.com/{id}";
    let with = |method, url| HttpTool::new("t", "", method, url).arguments::<Order>();
    let cases = [
        (with("a b", url), "`A B` is no method"),
        (with("get", "https://{id}.example.com/"), "an argument cannot say to which host its URL leads"),
        (with("get", "ftp://example.com"), "the URL must begin with `https://` or `http://`"),
        (with("get", "https://example.com/{ide}"), "there is no argument `ide`"),
        (with("get", url).query("a", "{b}"), "there is no argument `b`"),
        (with("get", url).json(json!([{"a": "{c}"}])), "there is no argument `c`"),
        (with("get", url).header("a b", "c"), "`a b` is not a name of a header"),
        (with("get", url).header("a", "sk\n"), "the header `a` has a value that headers cannot have"),
    ];
    for (tool, expected) in cases {
        assert_eq!(
            tool.build().unwrap_err().to_string(),
            format!("the tool `t` cannot make requests: {expected}")
        );
    }
    let shown = format!("{:?}", with("get", "https://example.com/?key=sk-1").header("a", "sk-2"));
    assert_eq!(shown, "HttpTool(t: GET https://example.com/)");
}
