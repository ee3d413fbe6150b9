//! The graph files of a folder, served while they change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use eddyline_engine::Graph;
use eddyline_graphs::declared::{Change, Folder};
use eddyline_runtime::Handle;

/// How long a change may go unseen. Looking costs a few calls of the file system, on any of which it works.
const PAUSE: Duration = Duration::from_millis(500);

/// A folder of graph files.
pub(crate) struct GraphFiles {
    folder: Folder,
    /// Graphs whose places files have taken.
    replaced: BTreeMap<String, Graph>,
}

impl GraphFiles {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder: Folder::new(folder), replaced: BTreeMap::new() }
    }

    /// The graphs that there are at the start, with those of the files; what is none is told in the log.
    pub(crate) fn start(&mut self, mut graphs: BTreeMap<String, Graph>) -> BTreeMap<String, Graph> {
        self.replaced.clone_from(&graphs);
        for change in self.folder.scan() {
            match change {
                Change::Graph { graph_id, graph } => {
                    graphs.insert(graph_id, graph);
                }
                Change::Broken(error) => tracing::error!("a graph file is not served:\n{error}"),
                Change::Removed { .. } => {}
            }
        }
        graphs
    }

    /// Serves what changes, for ever.
    pub(crate) async fn watch(mut self, runtime: Handle) {
        loop {
            tokio::time::sleep(PAUSE).await;
            // Reads files and compiles graphs.
            let scanned = tokio::task::spawn_blocking(move || {
                let changes = self.folder.scan();
                (self, changes)
            });
            let Ok((files, changes)) = scanned.await else {
                return tracing::error!("graph files are not read again: reading them panicked");
            };
            self = files;
            for change in changes {
                self.serve(&runtime, change).await;
            }
        }
    }

    async fn serve(&self, runtime: &Handle, change: Change) {
        let (graph_id, done) = match change {
            Change::Broken(error) => {
                return tracing::error!("a graph file has mistakes, and what was served stays:\n{error}");
            }
            Change::Graph { graph_id, graph } => (graph_id.clone(), runtime.set_graph(graph_id, graph).await),
            Change::Removed { graph_id } => match self.replaced.get(&graph_id) {
                Some(graph) => (graph_id.clone(), runtime.set_graph(graph_id, graph.clone()).await),
                None => (graph_id.clone(), runtime.remove_graph(&graph_id).map(drop)),
            },
        };
        match done {
            Ok(()) => {
                tracing::info!(graph_id, "a graph file has changed; runs from now on take it as it is");
            }
            Err(error) => {
                tracing::error!(graph_id, %error, "a graph file has changed, and its graph has not");
            }
        }
    }
}
