//! Nodes that fail, panic, hang, or write what they must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eddyline_engine::prelude::*;
use eddyline_engine::project::Mode::{Checkpoints, Tasks, Updates, Values};

use crate::support::{S, Thread, check, logs, logs_after};

async fn boom(_: S) -> Result<Update<S>> {
    Err(NodeError::visible("ValueError", "boom"))
}

#[test]
fn a_failure_ends_the_run_and_keeps_what_siblings_wrote() {
    let failing = Arc::new(AtomicU32::new(1));
    let count = failing.clone();
    let bad = move |_: S, ctx: NodeContext| {
        let fails = count.load(Ordering::SeqCst) > 0;
        async move {
            ctx.sleep(Duration::from_millis(20)).await;
            if fails {
                Err(NodeError::visible("ValueError", "boom"))
            } else {
                Ok(S::update().log(["bad-ok"]))
            }
        }
    };
    let graph = StateGraph::<S>::new()
        .node("bad", bad)
        .node("fast", logs("fast"))
        .node("slow", logs_after("slow", 30))
        .edge(START, "bad")
        .edge(START, "fast")
        .edge(START, "slow");
    let thread = Thread::new(graph.compile());
    let lines = thread.lines(thread.input(S::update().x(1)), [Updates, Tasks]);
    check(
        &lines[3..],
        &[
            r#"updates {"fast":{"log":["fast"]}}"#,
            r#"tasks {"id":"<2>","name":"fast","error":null,"result":{"log":["fast"]},"interrupts":[]}"#,
            r#"tasks {"id":"<1>","name":"bad","error":{"error":"ValueError","message":"boom"},"result":{},"interrupts":[]}"#,
            "error ValueError: node `bad`: ValueError: boom",
        ],
    );
    let saved = &thread.memory.history("")[0];
    let mut ids = uuid::Uuid::nil;
    let state =
        thread.graph.graph().snapshot("", saved, eddyline_engine::snapshot::View::Live, &mut ids).unwrap();
    let errors: Vec<Option<String>> = state
        .tasks
        .iter()
        .map(|task| task.note.failure.as_ref().map(eddyline_engine::fact::Failure::repr))
        .collect();
    assert_eq!(errors, [Some("ValueError('boom')".into()), None, Some("CancelledError()".into())]);
    assert_eq!(json!(state.next), json!(["bad", "slow"]));

    failing.store(0, Ordering::SeqCst);
    let lines = thread.lines(thread.go_on(), [Updates, Values]);
    check(
        &lines,
        &[
            r#"values {"x":1,"log":[]}"#,
            r#"updates {"fast":{"log":["fast"]},"__metadata__":{"cached":true}}"#,
            r#"updates {"bad":{"log":["bad-ok"]}}"#,
            r#"updates {"slow":{"log":["slow"]}}"#,
            r#"values {"x":1,"log":["bad-ok","fast","slow"]}"#,
        ],
    );
}

#[test]
fn a_masked_error_keeps_its_text_to_itself() {
    async fn divide(_: S) -> Result<Update<S>> {
        let parsed: i64 = "secret".parse()?;
        Ok(S::update().x(parsed))
    }
    let thread = Thread::new(StateGraph::<S>::new().node("n", divide).edge(START, "n").compile());
    let report = thread.observe(thread.input(S::update()));
    let failure = report.error().unwrap().failure();
    assert_eq!((&*failure.class, failure.public_message()), ("ParseIntError", "An internal error occurred"));
    let stored = json!(thread.memory.history("")[0].writes);
    assert!(!stored.to_string().contains("invalid digit"), "{stored}");
}

#[test]
fn a_panic_is_an_error_that_names_its_node() {
    async fn panics(state: S) -> Update<S> {
        assert!(state.x.is_none(), "no x, please");
        S::update().log(["fine"])
    }
    let thread = Thread::new(StateGraph::<S>::new().node("n", panics).edge(START, "n").compile());
    let report = thread.observe(thread.input(S::update().x(1)));
    let error = report.error().unwrap();
    assert_eq!(error.class(), "NodePanicked");
    assert!(error.to_string().contains("node `n` panicked: no x, please"), "{error}");
    let fresh = Thread::new(Ok(thread.graph));
    assert_eq!(fresh.observe(fresh.input(S::update())).values().log, ["fine"], "the graph is still usable");
}

#[test]
fn a_panic_in_a_reducer_or_a_route_is_an_error_of_the_run() {
    #[state]
    struct Sum {
        #[state(reduce = add_small)]
        sum: i64,
    }
    fn add_small(a: i64, b: i64) -> i64 {
        assert!(b < 100, "too much");
        a + b
    }
    async fn add(state: Sum) -> Update<Sum> {
        Sum::update().sum(state.sum)
    }
    let thread = Thread::new(StateGraph::<Sum>::new().node("n", add).edge(START, "n").compile());
    assert_eq!(thread.observe(thread.input(Sum::update().sum(4))).values().sum, 8);
    let report = thread.observe(thread.input(Sum::update().sum(100)));
    let error = report.error().unwrap();
    assert_eq!((error.code(), error.failure().visible), ("RUN_PANICKED", false));
    assert!(error.to_string().contains("the reducer of key `sum`: too much"), "{error}");
    fn route(_: S) -> &'static str {
        panic!("nowhere")
    }
    let graph = StateGraph::<S>::new().node("n", logs("n")).edge(START, "n");
    let thread = Thread::new(graph.conditional_edges("n", route, ["n"]).compile());
    let report = thread.observe(thread.input(S::update()));
    assert_eq!(report.error().unwrap().class(), "NodePanicked", "a route runs inside its task");
}

#[test]
fn wrong_keys_and_shapes_are_errors_that_name_node_and_key() {
    async fn typo(_: Value) -> Value {
        json!({"lgo": ["x"]})
    }
    async fn scalar(_: Value) -> Value {
        json!("text")
    }
    async fn reads(_: S) -> Update<S> {
        S::update()
    }
    let message = |graph: StateGraph<S>, input: Value| {
        let thread = Thread::new(graph.edge(START, "n").compile());
        let run = thread.graph.run_any(input, Arc::new(thread.world.clone()));
        thread.observe(run).error().unwrap().to_string()
    };
    let said = message(StateGraph::new().node("n", typo), json!({}));
    assert!(
        said.contains("node `n` wrote key `lgo`, which state `S` does not have; did you mean `log`?"),
        "{said}"
    );
    let said = message(StateGraph::new().node("n", scalar), json!({}));
    assert!(said.contains("InvalidUpdateError: Expected dict, got text"), "{said}");
    let said = message(StateGraph::new().node("n", reads), json!({"x": "not a number"}));
    assert!(said.contains("node `n` cannot read its input: key `x`: invalid type: string"), "{said}");
    let said = message(StateGraph::new().node("n", reads), json!({"log": 5}));
    assert!(said.contains("expected a list, found a number"), "{said}");
    let said = message(StateGraph::new().node("n", reads), json!([1]));
    assert!(said.contains("Expected dict, got [1]"), "{said}");
}

fn flaky(failures: u32) -> impl Fn(S, NodeContext) -> std::future::Ready<Result<Update<S>>> + Send + Sync {
    move |_, ctx| {
        let attempt = ctx.execution().attempt;
        std::future::ready(if attempt <= failures {
            Err(NodeError::masked("ConnectionError", format!("attempt {attempt}")))
        } else {
            Ok(S::update().log([format!("attempt {attempt}")]))
        })
    }
}

#[test]
fn a_retry_policy_tries_again_and_waits_longer_each_time() {
    let graph = |policy: RetryPolicy| {
        let node = Node::new("n", flaky(2)).retry(policy.no_jitter());
        Thread::new(StateGraph::<S>::new().add(node).edge(START, "n").compile())
    };
    let thread = graph(RetryPolicy::attempts(3));
    let report = thread.observe(thread.input(S::update()));
    assert_eq!(report.values().log, ["attempt 3"]);
    let times: Vec<&str> = report
        .events
        .iter()
        .filter_map(|event| match &event.data {
            eddyline_engine::project::Data::Debug(debug) => debug["timestamp"].as_str(),
            _ => None,
        })
        .collect();
    assert!(times.last().unwrap().contains("00:00:01.5"), "half a second and one: {times:?}");
    let thread = graph(RetryPolicy::attempts(2));
    assert_eq!(thread.observe(thread.input(S::update())).error().unwrap().class(), "ConnectionError");
    let thread = graph(RetryPolicy::attempts(3).retry_on(|error| error.class() == "Other"));
    assert!(thread.observe(thread.input(S::update())).error().is_some());
}

#[test]
fn timeouts_end_attempts_with_the_node_and_the_time() {
    async fn sleepy(_: S, ctx: NodeContext) -> Update<S> {
        for _ in 0..4 {
            ctx.sleep(Duration::from_millis(40)).await;
            ctx.heartbeat();
        }
        S::update().log(["awake"])
    }
    let said = |node: Node<S>| {
        let thread = Thread::new(StateGraph::<S>::new().add(node).edge(START, "n").compile());
        thread.observe(thread.input(S::update())).error().map(ToString::to_string)
    };
    let node = || Node::new("n", sleepy);
    let run = said(node().timeout(Duration::from_millis(50))).unwrap();
    assert!(run.ends_with("Node 'n' exceeded its run timeout of 0.050s (elapsed: 0.050s)."), "{run}");
    assert_eq!(said(node().timeout(TimeoutPolicy::idle(Duration::from_millis(50)))), None);
    let idle = said(node().timeout(TimeoutPolicy::idle(Duration::from_millis(30)))).unwrap();
    assert!(idle.contains("exceeded its idle timeout of 0.030s without making progress"), "{idle}");
}

#[test]
fn an_error_handler_decides_where_to_go() {
    async fn handle(_: S, ctx: NodeContext) -> Command<S> {
        let (node, failure) = ctx.handled_failure().unwrap();
        let said = format!("h:{node}:{}", failure.message);
        Command::goto("z").update(S::update().log([said]))
    }
    let graph = StateGraph::<S>::new()
        .add(Node::new("boom", boom).on_error(handle))
        .node("z", logs("z"))
        .node("never", logs("never"))
        .edge(START, "boom")
        .edge("boom", "never")
        .compile();
    let thread = Thread::new(graph);
    let lines = thread.lines(thread.input(S::update()), [Updates, Tasks, Values, Checkpoints]);
    check(
        &lines[2..8],
        &[
            r#"tasks {"id":"<1>","name":"boom","input":{"log":[]},"triggers":["branch:to:boom"]}"#,
            r#"tasks {"id":"<1>","name":"boom","error":{"error":"ValueError","message":"boom"},"result":{},"interrupts":[]}"#,
            r#"updates {"__error_handler__boom":{"log":["h:boom:boom"]}}"#,
            r#"tasks {"id":"<2>","name":"__error_handler__boom","error":null,"result":{"log":["h:boom:boom"]},"interrupts":[]}"#,
            r#"values {"log":["h:boom:boom"]}"#,
            r#"checkpoints ["loop",1,["z"]]"#,
        ],
    );
    let history = thread.memory.history("");
    assert_eq!(json!(history[0].checkpoint.seen)["__error_handler__boom"], json!({}));
}

#[test]
fn a_cached_node_does_not_run_again() {
    use eddyline_engine::node::CachePolicy;
    let runs = Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    let node = move |state: S| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(S::update().x(state.x.unwrap_or_default() + 1))
    };
    let node = Node::new("n", node).cache(CachePolicy::keep(Duration::from_mins(1)));
    let thread = Thread::new(StateGraph::<S>::new().add(node).edge(START, "n").compile());
    thread.observe(thread.input(S::update().x(1)));
    let lines = thread.lines(thread.input(S::update().x(1)), [Updates, Tasks]);
    check(
        &lines,
        &[
            r#"tasks {"id":"<1>","name":"n","input":{"x":1,"log":[]},"triggers":["branch:to:n"]}"#,
            r#"updates {"n":{"x":2},"__metadata__":{"cached":true}}"#,
        ],
    );
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    thread.observe(thread.input(S::update().x(2)));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[test]
fn compile_lists_every_mistake_with_the_nearest_name() {
    #[view]
    struct View {
        #[allow(dead_code)]
        topci: String,
    }
    #[state]
    struct Joke {
        topic: String,
    }
    async fn view(_: View) -> Update<Joke> {
        Joke::update()
    }
    async fn whole(_: Joke) -> Update<Joke> {
        Joke::update()
    }
    let graph = StateGraph::<Joke>::new()
        .node("generate_joke", view)
        .node("refine", whole)
        .node("refine", whole)
        .node("a|b", whole)
        .edge("generate_joke", "refin")
        .edge("refine", "generate_joke")
        .edge(END, "refine")
        .interrupt_before(["refined"])
        .compile();
    let said = graph.unwrap_err().to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "Node `refine` already present.",
            "'|' is a reserved character and is not allowed in the node names.",
            "node `generate_joke` reads key `topci`, which state `Joke` does not have; did you mean `topic`?",
            "Found edge ending at unknown node `refin`; did you mean `refine`?",
            "END cannot be a start node",
            "Graph must have an entrypoint: add at least one edge from START to another node",
            "Interrupt node `refined` not found; did you mean `refine`?",
        ]
    );
}

/// A node that writes as many bytes as it finds in `x`.
async fn writes(state: S) -> Update<S> {
    let size = usize::try_from(state.x.unwrap_or_default()).unwrap();
    S::update().log(["x".repeat(size)])
}

#[test]
fn a_state_that_would_be_too_large_is_not_kept() {
    let graph = StateGraph::<S>::new().node("writes", writes).edge(START, "writes").compile();
    let thread = Thread::new(graph);
    let write = |bytes: usize| {
        let input = S::update().x(i64::try_from(bytes).unwrap());
        thread.world.block_on(thread.input(input).invoke())
    };
    let (limit, mib) = (64 << 20, 1 << 20);
    assert_eq!(write(limit / 2).unwrap().log.len(), 1);
    let refused = write(limit / 2).unwrap_err();
    assert_eq!((refused.code(), refused.class()), ("STATE_TOO_LARGE", "StateTooLarge"));
    assert!(refused.to_string().ends_with("bytes, and it may have 67108864"), "{refused}");
    assert_eq!(write(mib).unwrap().log.len(), 2, "the checkpoint before it stays, and the thread goes on");
}
