//! Finds PostgreSQL's programs and a user who may run them.
//!
//! A test that needs PostgreSQL fails without it; the message names what to install.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Debian's directories, one for each version. They are not in `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The programs that the tests start.
const REQUIRED: [&str; 2] = ["initdb", "postgres"];

/// Returns the directory of PostgreSQL's programs: Debian's newest version, else one of `PATH`.
///
/// # Panics
///
/// If no directory has all of them.
pub(super) fn directory() -> PathBuf {
    let complete = |directory: &PathBuf| REQUIRED.iter().all(|name| directory.join(name).is_file());
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, path)| path.join("bin"));
    #[expect(
        clippy::disallowed_methods,
        reason = "searches for programs, reads no setting"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(complete)
        .unwrap_or_else(|| {
            panic!(
                "the tests need PostgreSQL's programs ({}), which are neither in {DEBIAN} nor in PATH; install \
                 them with `apt-get install postgresql` or `brew install postgresql`",
                REQUIRED.join(", ")
            )
        })
}

/// Returns the user and group to run a server as, if this process runs as root, because PostgreSQL
/// rejects root. `own_file` is a file of this process; its owner is the user of the process.
///
/// # Panics
///
/// If this process runs as root and neither `postgres` nor `nobody` exists.
pub(crate) fn unprivileged_user(own_file: &Path) -> Option<(u32, u32)> {
    let owner = fs::metadata(own_file).expect("the file exists").uid();
    if owner != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let found = ["postgres", "nobody"].iter().find_map(|name| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Some(found.expect("a user `postgres` or `nobody`, as PostgreSQL refuses to run as root"))
}
