//! Supersteps a second of the engine alone: one thread, no storage, nobody listening.
//!
//! `cargo bench --bench supersteps` prints one line a graph: the median of seven runs, and the spread.
//! `-- N` sets the number of supersteps a run.

#![allow(clippy::print_stdout, clippy::unused_async, clippy::needless_pass_by_value)]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use eddyline::graphs::examples::cycle;
use eddyline::prelude::*;

/// Supersteps a second, in seven runs, sorted.
fn measure(run: impl Fn()) -> Vec<f64> {
    run();
    let mut seconds: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

fn report(name: &str, steps: f64, seconds: &[f64]) -> f64 {
    let rate = |seconds: f64| steps / seconds;
    let median = rate(seconds[3]);
    println!("{name:<44} {median:>9.0} supersteps/s ({:.0} to {:.0})", rate(seconds[6]), rate(seconds[0]));
    median
}

/// A chat that nobody adds to, and a counter: what a history costs a node that does not touch it.
#[state]
struct Long {
    messages: Messages,
    left: i64,
}

async fn count(state: Long) -> Update<Long> {
    Long::update().left(state.left - 1)
}

fn more(state: Long) -> &'static str {
    if state.left > 0 { "count" } else { END }
}

fn long() -> CompiledGraph<Long> {
    let graph = StateGraph::<Long>::new().node("count", count).edge(START, "count");
    graph.conditional_edges("count", more, ["count", END]).compile().expect("the graph has no mistakes")
}

fn main() {
    let steps: i32 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(200_000);
    let limit = u64::try_from(steps).unwrap_or_default() + 2;
    let executor = tokio::runtime::Builder::new_current_thread().build().expect("an executor starts");
    let cycle = cycle::graph().expect("the graph has no mistakes");
    let loops = || {
        let run = cycle.stream(cycle::Count::update().n(i64::from(steps))).recursion_limit(limit);
        let end = executor.block_on(run.invoke()).expect("the loop ends");
        assert_eq!(end.i, Some(i64::from(steps)));
    };
    report("loop", steps.into(), &measure(loops));

    let graph = long();
    let with = |messages: usize| {
        let history: Vec<Message> = (0..messages).map(|n| Message::human(format!("message {n}"))).collect();
        let run = || {
            let input = Long::update().messages(history.clone()).left(i64::from(steps));
            let end = executor.block_on(graph.stream(input).recursion_limit(limit).invoke());
            assert_eq!(end.expect("the loop ends").messages.len(), messages);
        };
        report(&format!("counter beside {messages} messages"), steps.into(), &measure(run))
    };
    let (none, hundred) = (with(0), with(100));
    println!(
        "{:<44} {:>9.2} (1 when a history costs nothing)",
        "ratio of 100 messages to none",
        hundred / none
    );
}
