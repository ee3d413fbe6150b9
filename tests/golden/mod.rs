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
use std::path::{Path, PathBuf};

use eddyline_engine::Graph;
use eddyline_graphs::declared;
use eddyline_runtime::Runtime;
use serde_json::Value;

/// How many differences of one case are told.
const ROWS: usize = 12;

fn runtime(graphs: impl IntoIterator<Item = (String, Graph)>) -> Runtime {
    let graphs = graphs.into_iter();
    let builder =
        graphs.fold(Runtime::builder(), |builder, (graph_id, graph)| builder.graph(graph_id, graph));
    builder.start().expect("the runtime starts")
}

#[test]
fn frames_equal_those_of_the_reference() {
    let graphs = eddyline_graphs::all().expect("the graphs compile").into_iter();
    let runtime = runtime(graphs.map(|(graph_id, graph)| (graph_id.to_owned(), graph)));
    let played: Vec<Value> = cases::cases().into_iter().filter(cases::is_played).collect();
    assert_equal(runtime, &played);
}

#[test]
fn graph_files_are_twins_of_graphs_in_rust() {
    let twins = twins();
    let ids: Vec<String> = twins.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, ["agent", "approval", "chat", "mapreduce", "nested", "parallel", "router", "tools"]);
    let asks_only_them = |case: &Value| {
        let calls = case["calls"].as_array().into_iter().flatten();
        let mut asked = calls.filter_map(|call| call["body"]["assistant_id"].as_str()).peekable();
        asked.peek().is_some() && asked.all(|asked| ids.iter().any(|id| id == asked))
    };
    let played = cases::cases().into_iter().filter(|case| cases::is_played(case) && asks_only_them(case));
    let played: Vec<Value> = played.collect();
    assert!(played.len() >= 45, "only {} cases are about graphs that have a twin", played.len());
    assert_equal(runtime(twins), &played);
}

/// The graphs of the files beside this one, by the names of the files.
fn twins() -> Vec<(String, Graph)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/twins");
    let mut files: Vec<PathBuf> =
        folder.read_dir().expect("the twins").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let graph = |file: PathBuf| {
        let id = file.file_stem().expect("a name").to_string_lossy().into_owned();
        (id, declared::load(&file).unwrap_or_else(|error| panic!("{error}")))
    };
    files.into_iter().map(graph).collect()
}

/// Plays cases, and tells what is not as the reference has it.
fn assert_equal(runtime: Runtime, cases: &[Value]) {
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let executor = executor.expect("an executor starts");
    let (mut report, mut equal) = (String::new(), 0);
    for (case, nonce) in cases.iter().zip(1_700_000_000_000_000_000_u64..) {
        let name = cases::name(case);
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
    let summary = format!("{equal} of {} cases are equal", cases.len());
    assert!(report.is_empty(), "\n{report}{summary}");
    eprintln!("{summary}");
}
