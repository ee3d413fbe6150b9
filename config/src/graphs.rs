//! The settings of graph files.

use std::path::PathBuf;

use crate::error::Error;
use crate::settings::given;
use crate::typed;

/// Graphs that are written in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graphs {
    /// The folder of the files; it need not be there. `None` for no files.
    pub folder: Option<PathBuf>,
    /// Whether files that change while the server runs are read again.
    pub reload: bool,
    /// Whether the examples that ship are served beside them.
    pub examples: bool,
}

impl TryFrom<typed::Graphs> for Graphs {
    type Error = Error;

    fn try_from(typed: typed::Graphs) -> Result<Self, Error> {
        let folder = given("graphs.folder", typed.folder)?;
        Ok(Self {
            folder: (!folder.is_empty()).then(|| folder.into()),
            reload: given("graphs.reload", typed.reload)?,
            examples: given("graphs.examples", typed.examples)?,
        })
    }
}
