//! A small in-memory disk that a test can fill.
//!
//! The disk is mounted in a private mount namespace of a supervising process. Other processes join
//! that namespace or reach it through `/proc`. The supervisor ends when a pipe from this process is
//! closed, and the disk ends with the last process in the namespace.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, PipeWriter, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::postgres::{temporary_directory, unprivileged_user};

/// A script that mounts a disk on a directory and keeps it until its standard input is closed. Its
/// arguments are the size in MiB, the directory, and the user and group id of the owner. It then
/// runs as that user, so that a server of the same user may access its `/proc`.
const SUPERVISE: &str = r#"
mount -t tmpfs -o size="$1m",uid="$3",gid="$4",mode=0700 tmpfs "$2" || exit
[ "$3" = 0 ] || exec setpriv --reuid="$3" --regid="$4" --clear-groups sh -c 'echo mounted; exec cat'
echo mounted
exec cat
"#;

/// An in-memory disk of a fixed size.
#[derive(Debug)]
pub struct TestDisk {
    directory: TempDir,
    supervisor: (Child, PipeWriter),
    /// Whether the supervisor also has a private user namespace.
    unprivileged: bool,
    /// The total number of 4 KiB blocks.
    blocks: u32,
}

impl TestDisk {
    /// Mounts an empty disk of this many MiB.
    ///
    /// # Panics
    ///
    /// If the user of this process cannot mount a file system, even in a private namespace.
    pub fn mount(mebibytes: u32) -> Self {
        let directory = temporary_directory();
        let (reader, pipe) = std::io::pipe().expect("a pipe");
        let user = unprivileged_user(directory.path());
        // A user other than root mounts as the root user of a private user namespace.
        let unprivileged = user.is_none();
        let (user, group) = user.unwrap_or((0, 0));
        let child = Command::new("unshare")
            .arg("--mount")
            .args(unprivileged.then_some("--map-root-user"))
            .args(["sh", "-c", SUPERVISE, "supervise", &mebibytes.to_string()])
            .arg(directory.path())
            .args([user.to_string(), group.to_string()])
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("util-linux provides `unshare`");
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        let read = BufReader::new(out).read_line(&mut line);
        if read.is_err() || line != "mounted\n" {
            let ended = child.wait_with_output().expect("wait for `unshare`");
            let reason = String::from_utf8_lossy(&ended.stderr);
            panic!("cannot mount a disk for the test: {reason}");
        }
        Self {
            directory,
            supervisor: (child, pipe),
            unprivileged,
            blocks: mebibytes * 256,
        }
    }

    /// Returns a command prefix that runs a program in the namespace of the disk.
    pub fn command_prefix(&self) -> Vec<String> {
        let target = self.supervisor.0.id().to_string();
        let mut words = vec!["nsenter", "--mount", "--target", &target];
        if self.unprivileged {
            words.extend(["--user", "--preserve-credentials"]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// The mount point, for processes in the disk's namespace.
    pub fn mount_point(&self) -> &Path {
        self.directory.path()
    }

    /// The path for processes outside of the namespace. It fails for programs that resolve symbolic
    /// links themselves, such as SQLite.
    pub fn path(&self) -> PathBuf {
        let mounted = self
            .mount_point()
            .strip_prefix("/")
            .expect("an absolute path");
        let supervisor = self.supervisor.0.id().to_string();
        Path::new("/proc")
            .join(supervisor)
            .join("root")
            .join(mounted)
    }

    /// Fills the disk to its last block.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("create a file on the disk");
        for _ in 0..=self.blocks {
            match filler.write(&[1; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("filling the disk failed: {error}"),
            }
        }
        panic!("the disk is larger than expected");
    }

    /// Frees the blocks that [`fill`](Self::fill) wrote.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("remove the file of `fill`");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for TestDisk {
    fn drop(&mut self) {
        // Ends the supervisor now, so that the disk does not outlive the test.
        let _ = self.supervisor.0.kill();
        let _ = self.supervisor.0.wait();
    }
}
