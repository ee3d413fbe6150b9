//! Calls of a node that is a child process in Python: one process, one call after the other.
//!
//! `cargo bench --bench process -- [CALLS]` prints how many calls a second came back, as a run of a graph file makes
//! them: a packet, a task, a line to the child, a line back, a write.

#![allow(clippy::print_stdout, clippy::cast_precision_loss)]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use eddyline::graphs::declared;
use serde_json::json;

const CALLS: usize = 5_000;

const GRAPH: &str = r#"
state:
  items: list
  total: { type: integer, reduce: add }
nodes:
  work:
    process:
      command: [python3, -c, "import json, sys\nfor line in sys.stdin: print(json.dumps({'return': {'total': json.loads(line)['call']['state']['item']}}), flush=True)"]
      max_processes: 1
edges:
  - { from: START, each: items, to: work }
"#;

fn main() -> anyhow::Result<()> {
    let said = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let calls: usize = said.unwrap_or(CALLS);
    let graph = declared::parse(GRAPH, "process.yaml")?;
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let run = |calls: usize| {
        let input = json!({"items": vec![1; calls]});
        let run = eddyline::runtime::stream_json(&graph, input);
        let began = Instant::now();
        let finished = executor.block_on(run.finish());
        let total = finished.values.to_json()["total"].clone();
        anyhow::ensure!(total == calls, "the calls gave {total}: {:?}", finished.error);
        anyhow::Ok(began.elapsed())
    };
    // The child starts with the first call.
    run(1)?;
    for _ in 0..3 {
        let took = run(calls)?;
        let rate = calls as f64 / took.as_secs_f64();
        println!("process: {calls} calls in {:.3} s: {rate:.0} calls/s (goal 1000)", took.as_secs_f64());
    }
    Ok(())
}
