//! Server processes.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A running process, which is killed on drop.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a process without input and output.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdout(Stdio::null()))
    }

    /// Starts this program as a server that prints its address.
    pub(crate) fn start_bare(args: &[&str]) -> (Self, SocketAddr) {
        let mut command = Command::new(own_path());
        let mut process = Self::spawn(command.args(args).stdout(Stdio::piped()));
        let out = process.0.stdout.take().expect("stdout is piped");
        let address = first_line(out).parse().expect("an address");
        (process, address)
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("start {command:?}: {error}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// # Panics
    ///
    /// If the process has exited.
    pub(crate) fn check(&mut self) {
        let exited = self.0.try_wait().expect("the status of a child");
        assert!(exited.is_none(), "a server exited: {exited:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if the process has already exited, which is not an error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of this program. The measured programs are in the same directory.
pub(crate) fn own_path() -> std::path::PathBuf {
    std::env::current_exe().expect("path of this program")
}

fn first_line(out: ChildStdout) -> String {
    let mut line = String::new();
    let read = BufReader::new(out).read_line(&mut line);
    read.expect("the server prints its address");
    line.trim().to_owned()
}
