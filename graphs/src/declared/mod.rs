//! Graphs that are written in files: YAML, JSON or TOML.
//!
//! What a file says compiles to the same graph as Rust that says the same: there is no second engine, and its rules
//! are the engine's. [`load`] reads one; [`schema`] describes them for editors.

mod compile;
mod filters;
mod folder;
mod http;
mod keys;
mod kinds;
mod located;
mod mistake;
mod model;
mod node;
mod process;
mod route;
mod spec;
pub mod starters;
mod template;
mod tool;
mod tree;

use std::path::{Path, PathBuf};

use eddyline_engine::Graph;
use serde::de::Error as _;
use serde_json::Value;

use self::compile::{Home, Parts, compile};
pub use self::folder::{Change, Folder};
pub use self::mistake::{FileError, Mistake, Place};
use self::spec::File;
use self::tree::Tree;

/// The names that files of graphs end in.
pub const EXTENSIONS: [&str; 4] = ["yaml", "yml", "json", "toml"];

/// How deep files may be parts of files.
const MAX_INSIDE: usize = 16;

/// The graph that a file says. Paths in it are from its folder.
///
/// ```no_run
/// let graph = eddyline_graphs::declared::load("graphs/support.yaml")?;
/// # let _: eddyline_engine::Graph = graph;
/// # Ok::<(), eddyline_graphs::declared::FileError>(())
/// ```
pub fn load(file: impl AsRef<Path>) -> Result<Graph, FileError> {
    load_file(file.as_ref(), &[], &Parts::default())
}

/// The graph that a text says; `file` says where it stands: how it is written, and from where its paths are.
pub fn parse(text: &str, file: impl AsRef<Path>) -> Result<Graph, FileError> {
    parse_file(text, file.as_ref(), &[], &Parts::default())
}

/// The JSON Schema of graph files, for editors.
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}

/// Whether a file is one of a graph, by the end of its name.
pub fn is_graph_file(file: &Path) -> bool {
    file.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

fn load_file(file: &Path, around: &[PathBuf], parts: &Parts) -> Result<Graph, FileError> {
    parts.borrow_mut().push(file.to_owned());
    let text = std::fs::read_to_string(file).map_err(|error| {
        let mistake = Mistake::new(Place::TOP, format!("the file cannot be read: {error}"));
        let mistake = mistake.help("look whether it is there");
        FileError { file: file.to_owned(), mistakes: vec![mistake] }
    })?;
    parse_file(&text, file, around, parts)
}

fn parse_file(text: &str, file: &Path, around: &[PathBuf], parts: &Parts) -> Result<Graph, FileError> {
    let read = || {
        let tree = if file.extension().is_some_and(|extension| extension == "toml") {
            Tree::of_toml(text)
        } else {
            Tree::of_yaml(text)
        };
        let spec: File = located::read(&tree.map_err(one)?).map_err(one)?;
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let files = around.iter().cloned().chain([canonical(file)]).collect();
        compile(&spec, &Home { folder, files, parts: parts.clone() }, &title(file))
    };
    read().map_err(|mistakes| FileError { file: file.to_owned(), mistakes })
}

/// The name of a file without its end: the id of its graph.
fn title(file: &Path) -> String {
    file.file_stem().map_or_else(|| "graph".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn one(mistake: Mistake) -> Vec<Mistake> {
    vec![mistake]
}

fn canonical(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

/// The graph of a file that another one names.
fn load_inside(name: &Path, home: &Home) -> Result<Graph, Mistake> {
    let file = home.folder.join(name);
    let refused = |words: String, help: &str| Err(Mistake::custom(words).help(help));
    if home.files.contains(&canonical(&file)) {
        return refused(
            format!("`{}` is a part of itself", name.display()),
            "take the node out of one of the files",
        );
    }
    if home.files.len() >= MAX_INSIDE {
        return refused(
            format!("files are parts of files more than {MAX_INSIDE} deep"),
            "put some of them together",
        );
    }
    let broken = |error: FileError| {
        let words = format!("the graph in `{}` has mistakes", name.display());
        Mistake::custom(words).help(format!("they are\n{error}"))
    };
    load_file(&file, &home.files, &home.parts).map_err(broken)
}
