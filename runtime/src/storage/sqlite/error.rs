//! What can go wrong with a database: when it is opened, and later.

use std::path::PathBuf;

use uuid::Uuid;

use crate::storage::Error;

/// Why a data folder was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder is neither there nor can it be made, or a file in it cannot be opened.
    #[error("cannot use the data folder `{}`", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Another storage, of this process or another, works in the folder.
    #[error(
        "the data folder is in use by another process: stop that one, or choose another folder: `{}`",
        folder.display()
    )]
    Locked {
        /// Which.
        folder: PathBuf,
    },
    /// A newer version of this program wrote the folder.
    #[error(
        "the data folder has schema version {found}, and this program knows versions up to {known}: \
         use a newer program, or choose another folder: `{}`",
        folder.display()
    )]
    Newer {
        /// Which.
        folder: PathBuf,
        /// The version that was found.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// What should be the folder is a file.
    #[error("the data folder `{}` is not a folder: choose another one", folder.display())]
    NotAFolder {
        /// Which.
        folder: PathBuf,
    },
    /// The file by the name of the database is something else.
    #[error("`{}` was not made by this program, and is left alone: choose another folder", file.display())]
    Foreign {
        /// Which.
        file: PathBuf,
    },
    /// SQLite did not open what it found in the folder.
    #[error("cannot open the database in `{}`", folder.display())]
    Database {
        /// Which.
        folder: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Names the error for programs; stable, documented in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "DATA_FOLDER_UNUSABLE",
            Self::Locked { .. } => "DATA_FOLDER_LOCKED",
            Self::Newer { .. } => "DATA_FOLDER_NEWER",
            Self::NotAFolder { .. } => "DATA_FOLDER_NOT_A_FOLDER",
            Self::Foreign { .. } => "DATABASE_FOREIGN",
            Self::Database { .. } => "DATABASE_UNUSABLE",
        }
    }
}

/// Why one transaction or one read came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("stored data does not read: {what}")]
    Corrupt { what: &'static str },
    #[error("a value nests deeper than {} levels", super::json::DEPTH)]
    TooDeep,
    #[error("epoch {epoch} is over")]
    Fenced { epoch: u64 },
    #[error("run {run_id} is not stored, so nothing begins with it")]
    NoRun { run_id: Uuid },
}

/// A result inside of this storage.
pub(super) type Result<T> = std::result::Result<T, Fault>;

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Fenced { epoch } => Self::Fenced { epoch },
            Fault::TooDeep => Self::Refused { message: fault.to_string() },
            other => Self::Failed { message: other.to_string() },
        }
    }
}

/// What is missing or out of range in a row.
pub(super) fn corrupt(what: &'static str) -> Fault {
    Fault::Corrupt { what }
}
