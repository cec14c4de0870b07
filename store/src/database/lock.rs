//! Locks a SQLite file, so that only one process uses it.
//!
//! The operating system releases the lock when the process ends, even if it is killed. The lock is
//! on a separate file, because closing any descriptor of the database file releases SQLite's own
//! locks on it.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::DatabaseError;

/// The lock on a SQLite file, released on drop.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks the database at `file`.
    ///
    /// # Errors
    ///
    /// Another process holds the lock, or the lock file cannot be written.
    pub(super) fn acquire(file: &Path) -> Result<Self, DatabaseError> {
        let path = beside(file, "-lock")?;
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
            Err(TryLockError::WouldBlock) => Err(DatabaseError::Locked {
                file: file.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }
}

/// Returns the absolute path of `<file><suffix>`, which is the same for every path to the file.
pub(super) fn beside(file: &Path, suffix: &str) -> Result<PathBuf, DatabaseError> {
    let path = match file.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match file.parent() {
                Some(directory) if !directory.as_os_str().is_empty() => directory,
                _ => Path::new("."),
            };
            let directory =
                directory
                    .canonicalize()
                    .map_err(|_| DatabaseError::DirectoryMissing {
                        file: file.to_owned(),
                    })?;
            directory.join(file.file_name().unwrap_or_default())
        }
        Err(source) => {
            return Err(DatabaseError::Unwritable {
                file: file.to_owned(),
                source,
            });
        }
    };
    let mut name = OsString::from(path);
    name.push(suffix);
    Ok(name.into())
}
