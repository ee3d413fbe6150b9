//! The golden cases: what the reference server answered to them, and what our runtime says in process.
//!
//! The transcripts were recorded by `record.py`, whose rules of normalising and comparing are ported here, and
//! nothing is added to them: no case is special. [`cases`] says which cases are not played yet, and why.

pub(crate) mod cases;
pub(crate) mod compare;
pub(crate) mod normalise;
mod play;
pub(crate) mod saved;

use std::fmt::Write as _;

use eddyline_runtime::Runtime;

/// How many differences of one case are told.
const ROWS: usize = 12;

fn runtime() -> Runtime {
    let graphs = eddyline_graphs::all().expect("the graphs compile").into_iter();
    let builder =
        graphs.fold(Runtime::builder(), |builder, (graph_id, graph)| builder.graph(graph_id, graph));
    builder.start().expect("the runtime starts")
}

#[test]
fn frames_equal_those_of_the_reference() {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let executor = executor.expect("an executor starts");
    let runtime = runtime();
    let (mut report, mut equal) = (String::new(), 0);
    let cases = cases::cases();
    for (case, nonce) in cases.iter().zip(1_700_000_000_000_000_000_u64..) {
        let name = cases::name(case);
        if !cases::PLAYED.contains(&name) {
            continue;
        }
        let rows = match executor.block_on(play::play(&runtime.handle(), case, &nonce.to_string())) {
            Ok(played) => compare::differences(play::expected(&played), played),
            Err(reason) => vec![reason],
        };
        if rows.is_empty() {
            equal += 1;
            continue;
        }
        let _ = writeln!(report, "{name}: {} differences (expected != found)", rows.len());
        rows.iter().take(ROWS).for_each(|row| {
            let _ = writeln!(report, "    {row}");
        });
    }
    executor.block_on(runtime.shutdown());
    let summary = format!("{equal} of {} cases are equal", cases::PLAYED.len());
    assert!(report.is_empty(), "\n{report}{summary}");
    eprintln!("{summary}");
}
