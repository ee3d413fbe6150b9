//! Graph files on the command line: to start one, to check it, and to find it by its name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use eddyline::Graph;
use eddyline::graphs::declared::{self, EXTENSIONS, is_graph_file, starters};

/// The folder of graph files when nothing else is said.
const FOLDER: &str = "graphs";

/// The graph of a file, or of this id; the error lists those that there are.
pub(super) fn graph(name: &str) -> anyhow::Result<Graph> {
    let file = Path::new(name);
    if is_graph_file(file) || file.is_file() {
        return Ok(declared::load(file)?);
    }
    let in_folder = EXTENSIONS.iter().map(|extension| Path::new(FOLDER).join(format!("{name}.{extension}")));
    if let Some(file) = in_folder.into_iter().find(|file| file.is_file()) {
        return Ok(declared::load(file)?);
    }
    let graphs = eddyline::graphs::all()?;
    let ids: Vec<&str> = graphs.iter().map(|(id, _)| *id).collect();
    let unknown = || anyhow::anyhow!("there is no graph `{name}`; there are {}", ids.join(", "));
    graphs.iter().find(|(known, _)| *known == name).map(|(_, graph)| graph.clone()).ok_or_else(unknown)
}

/// Every mistake is printed as `FILE:LINE:COLUMN: what is wrong; what to do`.
#[derive(Args)]
pub(super) struct Check {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn check(self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let mut broken = Vec::new();
        for file in &self.files {
            match declared::load(file) {
                Ok(graph) => match graph.nodes().count() {
                    1 => writeln!(out, "{}: a graph of one node", file.display())?,
                    nodes => writeln!(out, "{}: a graph of {nodes} nodes", file.display())?,
                },
                Err(error) => broken.push(error.to_string()),
            }
        }
        if broken.is_empty() { Ok(()) } else { bail!(broken.join("\n")) }
    }
}

/// The file runs as it is, with no key set.
#[derive(Args)]
pub(super) struct New {
    /// The name of the graph, which is its id
    name: String,
    /// What to start from
    #[arg(long = "from", value_name = "STARTER", default_value = starters::ALL[0].name, value_parser = starters::ALL.map(|starter| starter.name))]
    starter: String,
    /// The folder to write to
    #[arg(long, value_name = "FOLDER", default_value = FOLDER)]
    folder: PathBuf,
}

impl New {
    pub(super) fn write(self) -> anyhow::Result<()> {
        let odd = |character: char| !character.is_alphanumeric() && !matches!(character, '_' | '-');
        if self.name.is_empty() || self.name.contains(odd) {
            bail!("`{}` is no name of a graph: letters, digits, `_` and `-` are", self.name);
        }
        let starter =
            starters::ALL.iter().find(|starter| starter.name == self.starter).context("unknown starter")?;
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        let mut out = std::io::stdout().lock();
        let mut first = None;
        for (name, text) in starter.files(&self.name) {
            let path = self.folder.join(name);
            let written =
                std::fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
            written.with_context(|| format!("cannot write {}", path.display()))?;
            writeln!(out, "wrote {}", path.display())?;
            first.get_or_insert(path);
        }
        if let Some(file) = first {
            writeln!(out, "try it: eddyline chat {}", file.display())?;
        }
        Ok(())
    }
}

/// Prints the JSON Schema of graph files.
pub(super) fn schema() -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{:#}", declared::schema())?)
}
