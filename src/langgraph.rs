//! A server as a `langgraph.json` describes it, as far as this program has what it names.

use std::collections::HashMap;

use anyhow::bail;
use eddyline::settings::{LangGraph, Settings};
use eddyline::{Graph, Server};

/// Serves the graphs of the file that ship under the same id; says which of its graphs and keys have no meaning here.
pub(crate) fn server(settings: Settings, read: LangGraph) -> anyhow::Result<Server> {
    let LangGraph { graphs, variables, ignored, .. } = read;
    let mut ours: HashMap<&str, Graph> = eddyline::graphs::all()?.into_iter().collect();
    let mut server = Server::new(settings).stand_in_models().variables(variables);
    let mut missing = Vec::new();
    let mut count = 0;
    for (id, place) in graphs {
        match ours.remove(id.as_str()) {
            Some(graph) => {
                server = server.graph(id, graph);
                count += 1;
            }
            None => missing.push(format!("{id} ({place})")),
        }
    }
    if count == 0 {
        bail!(
            "LANGGRAPH_JSON: none of its graphs is there: {}; this program has those that it ships",
            missing.join(", ")
        );
    }
    let notices = [
        ("graphs of langgraph.json whose code this server does not run", missing),
        ("keys of langgraph.json without a meaning here", ignored),
    ];
    let notices = notices.into_iter().filter(|(_, names)| !names.is_empty());
    Ok(notices.fold(server, |server, (of, names)| server.notice(format!("{of}: {}", names.join(", ")))))
}
