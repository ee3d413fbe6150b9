//! Graphs to read, to run and to start from; one idea a file.
#![expect(clippy::unused_async, reason = "a node is an async function, whether it waits or not")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a route takes the state itself, whether it keeps it or not"
)]

pub mod agent;
pub mod approval;
pub mod approvals;
pub mod bench;
pub mod chat;
pub mod custom;
pub mod cycle;
pub mod deep;
pub mod failing;
pub mod flaky;
pub mod mapreduce;
pub mod memory;
pub mod nested;
pub mod parallel;
pub mod prebuilt_agent;
pub mod private;
pub mod router;
pub mod showcase;
pub mod slow;
pub mod tagged;
pub mod tools;
pub mod tools_agent;

use eddyline_engine::{CompileError, Graph};

/// Every example with its id, in the order of the table in the crate's documentation.
///
/// ```
/// let graphs = eddyline_graphs::all()?;
/// assert_eq!(graphs[0].0, "agent");
/// # Ok::<(), eddyline_engine::CompileError>(())
/// ```
pub fn all() -> Result<Vec<(&'static str, Graph)>, CompileError> {
    Ok(vec![
        ("agent", agent::graph()?.into()),
        ("nested", nested::graph()?.into()),
        ("chat", chat::graph()?.into()),
        ("tagged", tagged::graph()?.into()),
        ("tools", tools::graph()?.into()),
        ("custom", custom::graph()?.into()),
        ("approval", approval::graph()?.into()),
        ("approvals", approvals::graph()?.into()),
        ("deep", deep::graph()?.into()),
        ("mapreduce", mapreduce::graph()?.into()),
        ("parallel", parallel::graph()?.into()),
        ("router", router::graph()?.into()),
        ("loop", cycle::graph()?.into()),
        ("failing", failing::graph()?.into()),
        ("flaky", flaky::graph()?.into()),
        ("private", private::graph()?.into()),
        ("memory", memory::graph()?.into()),
        ("slow", slow::graph()?.into()),
        ("bench", bench::graph()?.into()),
        ("showcase", showcase::graph()?.into()),
        ("tools_agent", tools_agent::graph()?.into()),
        ("prebuilt_agent", prebuilt_agent::graph()?.into()),
    ])
}
