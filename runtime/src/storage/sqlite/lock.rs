//! The lock that keeps a second process out of a data folder.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::error::OpenError;

/// The file that is locked. It stays when the lock goes: removing it would let two others lock two files.
const FILE: &str = "eddyline.lock";

/// Holds the folder until it is dropped; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder if it is not there, and locks it.
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Folder { folder: folder.to_owned(), source };
        if folder.exists() && !folder.is_dir() {
            return Err(OpenError::NotAFolder { folder: folder.to_owned() });
        }
        fs::create_dir_all(folder).map_err(unusable)?;
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).open(folder.join(FILE));
        let file = file.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}
