//! A folder of graph files, looked at again and again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use eddyline_engine::Graph;

use super::compile::Parts;
use super::{FileError, is_graph_file, load_file, title};

/// A folder of graph files, and what was found in it last. Each file is a graph whose id is the name of the file.
///
/// ```no_run
/// use eddyline_graphs::declared::{Change, Folder};
///
/// let mut folder = Folder::new("graphs");
/// for change in folder.scan() {
///     match change {
///         Change::Graph { graph_id, .. } => println!("{graph_id} is new, or has changed"),
///         Change::Removed { graph_id } => println!("{graph_id} is gone"),
///         Change::Broken(error) => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    known: BTreeMap<PathBuf, Known>,
}

/// What became of a file since the last look.
#[derive(Debug)]
pub enum Change {
    /// It is new, or it or a part of it has changed.
    Graph {
        /// The id of the graph.
        graph_id: String,
        /// The graph.
        graph: Graph,
    },
    /// It is gone.
    Removed {
        /// The id of the graph.
        graph_id: String,
    },
    /// It says no graph as it is now; the one that it said before still stands.
    Broken(FileError),
}

/// A file as it was when it was read.
#[derive(Debug)]
struct Known {
    /// Whether it ever said a graph.
    served: bool,
    /// It and its parts.
    parts: Vec<(PathBuf, Stamp)>,
}

/// Tells whether a file is another one now.
type Stamp = Option<(SystemTime, u64)>;

impl Folder {
    /// A folder at which nobody has looked yet. It need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), known: BTreeMap::new() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the files, and reads those that have changed. Of two files with one name the first is taken, and a
    /// file that cannot be read as a graph is told once, until it changes again.
    pub fn scan(&mut self) -> Vec<Change> {
        let files = match files(&self.path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            // What cannot be looked at has not changed.
            Err(_) => return Vec::new(),
        };
        let mut changes = Vec::new();
        let gone: Vec<PathBuf> = self.known.keys().filter(|file| !files.contains(file)).cloned().collect();
        for file in gone {
            if self.known.remove(&file).is_some_and(|known| known.served) {
                changes.push(Change::Removed { graph_id: title(&file) });
            }
        }
        for file in files {
            if self
                .known
                .get(&file)
                .is_some_and(|known| known.parts.iter().all(|(part, was)| stamp(part) == *was))
            {
                continue;
            }
            let parts = Parts::default();
            // The times are those of before it was read: a change meanwhile is seen the next time.
            let before = stamp(&file);
            let loaded = load_file(&file, &[], &parts);
            let served = loaded.is_ok() || self.known.get(&file).is_some_and(|known| known.served);
            let parts = parts.take().into_iter().map(|part| {
                let stamp = if part == file { before } else { stamp(&part) };
                (part, stamp)
            });
            let known = Known { served, parts: parts.collect() };
            changes.push(match loaded {
                Ok(graph) => Change::Graph { graph_id: title(&file), graph },
                Err(error) => Change::Broken(error),
            });
            self.known.insert(file, known);
        }
        changes
    }
}

/// The graph files of a folder, by name; not those of folders in it, nor the JSON and TOML of other programs.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let file = entry?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if file.is_file() && !hidden && is_graph_file(&file) && !is_of_others(&file) {
            files.push(file);
        }
    }
    files.sort();
    let mut names = std::collections::HashSet::new();
    files.retain(|file| names.insert(title(file)));
    Ok(files)
}

/// Whether a file is one that other programs keep in such a folder: JSON or TOML with neither nodes nor edges.
fn is_of_others(file: &Path) -> bool {
    let is_yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let says = |text: &String| text.contains("nodes") || text.contains("edges");
    !is_yaml && std::fs::read_to_string(file).is_ok_and(|text| !says(&text))
}

fn stamp(file: &Path) -> Stamp {
    let about = file.metadata().ok()?;
    Some((about.modified().ok()?, about.len()))
}
