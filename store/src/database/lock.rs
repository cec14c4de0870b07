//! One process a SQLite file.
//!
//! One invariant: the lock is the operating system's and goes with the process, so that a killed one leaves nothing
//! to clean up. It is taken on a file of its own: closing a descriptor of the database file itself would drop
//! SQLite's own locks.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::DatabaseError;

/// Held for as long as this process may touch the database's file.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the database at `file`, or says who has it.
    pub(super) fn acquire(file: &Path) -> Result<Self, DatabaseError> {
        let path = beside(file)?;
        let unwritable = |source| DatabaseError::Unwritable {
            file: path.clone(),
            source,
        };
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _file: lock }),
            Err(TryLockError::WouldBlock) => Err(DatabaseError::Taken {
                file: file.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }
}

/// `<file>-lock`, the same for every way to spell the file.
fn beside(file: &Path) -> Result<PathBuf, DatabaseError> {
    let whole = match file.canonicalize() {
        Ok(whole) => whole,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let folder = folder
                .canonicalize()
                .map_err(|_| DatabaseError::FolderMissing {
                    file: file.to_owned(),
                })?;
            folder.join(file.file_name().unwrap_or_default())
        }
        Err(source) => {
            return Err(DatabaseError::Unwritable {
                file: file.to_owned(),
                source,
            });
        }
    };
    let mut name = OsString::from(whole);
    name.push("-lock");
    Ok(name.into())
}
