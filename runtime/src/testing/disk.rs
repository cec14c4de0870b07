//! A small disk of one test, which it may fill.
//!
//! One invariant: the disk is mounted where nobody but its keeper sees it, in a namespace of the keeper's own, which
//! others enter or look into by way of `/proc`. So it is gone with the last of them; the keeper ends when a pipe from this
//! process is closed.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, PipeWriter, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{cluster, program};

/// Mounts a disk on a folder and keeps it until the pipe is closed. Arguments: MiB, folder, the ids of the user and the
/// group to whom it belongs. It becomes them unless it is them, so that a server which is may follow its `/proc`.
const KEEP: &str = r#"
mount -t tmpfs -o size="$1m",uid="$3",gid="$4",mode=0700 tmpfs "$2" || exit
[ "$3" = 0 ] || exec setpriv --reuid="$3" --regid="$4" --clear-groups sh -c 'echo mounted; exec cat'
echo mounted
exec cat
"#;

/// A disk in memory.
#[derive(Debug)]
pub struct TestDisk {
    folder: TempDir,
    keeper: (Child, PipeWriter),
    /// Whether the keeper's namespace of users is its own, too.
    unprivileged: bool,
    /// Blocks of 4 KiB that it has in all.
    blocks: u32,
}

impl TestDisk {
    /// Mounts an empty disk of so many MiB.
    ///
    /// # Panics
    ///
    /// If this machine lets its user mount nothing, not even in a namespace of its own.
    pub fn mount(mebibytes: u32) -> Self {
        let folder = cluster::folder();
        let (reader, alive) = std::io::pipe().expect("a pipe");
        let user = program::unprivileged(folder.path());
        // Who is not root may mount as the root of a namespace of users of its own, and owns there what root owns.
        let unprivileged = user.is_none();
        let (user, group) = user.unwrap_or((0, 0));
        let keeper = Command::new("unshare")
            .arg("--mount")
            .args(unprivileged.then_some("--map-root-user"))
            .args(["sh", "-c", KEEP, "keep", &mebibytes.to_string()])
            .arg(folder.path())
            .args([user.to_string(), group.to_string()])
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut keeper = keeper.expect("`unshare` is a program of util-linux");
        let mut said = String::new();
        let out = keeper.stdout.take().expect("a pipe");
        let heard = BufReader::new(out).read_line(&mut said);
        if heard.is_err() || said != "mounted\n" {
            let ended = keeper.wait_with_output().expect("it ended");
            let why = String::from_utf8_lossy(&ended.stderr);
            panic!("the tests need a disk to fill, and none can be mounted here: {why}");
        }
        Self {
            folder,
            keeper: (keeper, alive),
            unprivileged,
            blocks: mebibytes * 256,
        }
    }

    /// Where those are who see it: a program and its arguments, to be followed by those of somebody who joins them.
    pub fn entrance(&self) -> Vec<String> {
        let target = self.keeper.0.id().to_string();
        let mut words = vec!["nsenter", "--mount", "--target", &target];
        if self.unprivileged {
            words.extend(["--user", "--preserve-credentials"]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// Where it is for those who see it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is for everybody else. Whoever resolves links by himself, as SQLite does, is led astray.
    pub fn path(&self) -> PathBuf {
        let mounted = self.folder().strip_prefix("/").expect("it is absolute");
        let keeper = self.keeper.0.id().to_string();
        Path::new("/proc").join(keeper).join("root").join(mounted)
    }

    /// Fills it to its last block.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("it can be written");
        for _ in 0..=self.blocks {
            match ballast.write(&[1; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("it is not filled: {error}"),
            }
        }
        panic!("this is another disk");
    }

    /// Makes room again.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for TestDisk {
    fn drop(&mut self) {
        // It ends by itself, but then its disk may outlive the test.
        let _ = self.keeper.0.kill();
        let _ = self.keeper.0.wait();
    }
}
