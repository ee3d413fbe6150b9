//! A copy of a database that is in use: one moment of it, whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::schema;

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something by the name of the copy already; it is left alone.
    #[error("there is a file `{}` already: choose another name", file.display())]
    Exists {
        /// The name.
        file: PathBuf,
    },
    /// There is no database in the folder.
    #[error("there is no database in the folder `{}`", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The database does not read, or the copy finds no room.
    #[error("cannot copy the database")]
    Database(#[source] rusqlite::Error),
    /// The copy cannot be put where it belongs.
    #[error("cannot write the file `{}`", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl BackupError {
    /// Names the error for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "BACKUP_EXISTS",
            Self::Missing { .. } => "BACKUP_NO_DATABASE",
            Self::Database(_) => "BACKUP_FAILED",
            Self::File { .. } => "BACKUP_FILE",
        }
    }
}

/// Copies the database of `folder` to `file`, as it stands at one moment; whoever works in the folder goes on.
///
/// The copy is a database of its own: put it into an empty folder as `eddyline.db` to use it. It has its name when
/// it is whole and on disk, and not before. Blocks for as long as it takes to read and write it once.
pub fn backup(folder: impl AsRef<Path>, file: impl AsRef<Path>) -> Result<(), BackupError> {
    let (folder, file) = (folder.as_ref(), file.as_ref());
    if file.exists() {
        return Err(BackupError::Exists { file: file.to_owned() });
    }
    if !folder.join(schema::FILE).is_file() {
        return Err(BackupError::Missing { folder: folder.to_owned() });
    }
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let copied = copy(folder, &unfinished).and_then(|()| keep(&unfinished, file));
    if copied.is_err() {
        // What there is of it is worth nothing; if it cannot be removed, its name says so.
        let _ = fs::remove_file(&unfinished);
    }
    copied
}

fn copy(folder: &Path, unfinished: &Path) -> Result<(), BackupError> {
    let _ = fs::remove_file(unfinished);
    let source = schema::look(folder).map_err(BackupError::Database)?;
    let name = unfinished.to_str().ok_or_else(|| BackupError::File {
        file: unfinished.to_owned(),
        source: std::io::Error::other("the name is not UTF-8"),
    })?;
    source.execute("VACUUM INTO ?1", [name]).map_err(BackupError::Database)?;
    Ok(())
}

/// Makes sure that it is on disk, and gives it its name.
fn keep(unfinished: &Path, file: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { file: file.to_owned(), source };
    File::open(unfinished).and_then(|copy| copy.sync_all()).map_err(failed)?;
    fs::rename(unfinished, file).map_err(failed)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(failed)
}
