//! Where PostgreSQL's programs are, and who may run them.
//!
//! One invariant: tests that need PostgreSQL never pass without it: what is missing is said, with how to install it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Debian's folders, one a version, none of them in `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The programs that are needed.
const NEEDED: [&str; 2] = ["initdb", "postgres"];

/// The folder of PostgreSQL's programs: Debian's newest version, else what `PATH` has.
///
/// # Panics
///
/// If there is none.
pub(super) fn folder() -> PathBuf {
    let complete = |folder: &PathBuf| NEEDED.iter().all(|name| folder.join(name).is_file());
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, path)| path.join("bin"));
    #[expect(
        clippy::disallowed_methods,
        reason = "looks for programs, not for settings"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(complete)
        .unwrap_or_else(|| {
            panic!(
                "the tests need PostgreSQL's programs ({}), which are neither in {DEBIAN} nor in PATH; install \
                 them with `apt-get install postgresql` or `brew install postgresql`",
                NEEDED.join(", ")
            )
        })
}

/// The user and group to run a server as: none unless `own`, a file of this process, says that it is root's, since
/// PostgreSQL refuses to run as root.
///
/// # Panics
///
/// If this is root and there is nobody else.
pub(super) fn unprivileged(own: &Path) -> Option<(u32, u32)> {
    let owner = fs::metadata(own).expect("it is there").uid();
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
