//! A program under test, as a process of its own.
//!
//! One invariant: what was started here is dead and reaped when its value is dropped, and all that it wrote was read.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, Once, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;

/// How long a test waits for a state: far longer than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Waits for a state; `tell` says at the deadline what was there instead.
pub(crate) async fn until<T>(
    what: &str,
    tell: impl Fn() -> String,
    mut state: impl AsyncFnMut() -> Option<T>,
) -> T {
    let waiting = async {
        loop {
            if let Some(reached) = state().await {
                return reached;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("never: {what}\n{}", tell()))
}

/// What was written so far, line by line.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running program.
pub(crate) struct Process {
    child: Child,
    out: Lines,
    err: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program with these variables and no others.
    pub(crate) fn start(program: &mut Command, folder: &Path, variables: &[(&str, &str)]) -> Self {
        program.env_clear().envs(variables.iter().copied());
        Self::run(program.current_dir(folder))
    }

    /// Starts a command.
    pub(crate) fn run(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let (out, err) = (Lines::default(), Lines::default());
        let readers = vec![
            keep(child.stdout.take().expect("a pipe"), &out),
            keep(child.stderr.take().expect("a pipe"), &err),
        ];
        Self {
            child,
            out,
            err,
            readers,
        }
    }

    /// What it wrote to its standard output.
    pub(crate) fn out(&self) -> Vec<String> {
        copy(&self.out)
    }

    /// What it wrote to its standard error.
    pub(crate) fn err(&self) -> Vec<String> {
        copy(&self.err)
    }

    /// The end of what it said, for the report of a test that failed.
    pub(crate) fn last_words(&self) -> String {
        let mut lines = self.out();
        lines.extend(self.err());
        let from = lines.len().saturating_sub(25);
        lines[from..].join("\n")
    }

    /// Waits for a line of its log, and answers what `find` makes of it.
    pub(crate) async fn logged<T>(&self, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        until(
            what,
            || self.last_words(),
            async || {
                let lines = self.out();
                let mut events = lines.iter().filter_map(|it| serde_json::from_str(it).ok());
                events.find_map(|event: Value| find(&event))
            },
        )
        .await
    }

    /// Seconds that it has computed since its start, in ticks of 10 ms. Where the system does not tell, it is nothing.
    pub(crate) fn computed(&self) -> f64 {
        let Ok(about) = fs::read_to_string(format!("/proc/{}/stat", self.child.id())) else {
            return 0.0;
        };
        // The name, in brackets, may hold anything; what follows it begins with the third field.
        let (_, fields) = about.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.map(|it| it.parse::<u32>().expect("a number")).sum();
        f64::from(ticks) / 100.0
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill is a program").success(), "kill -{name}");
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        // One that has ended cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Waits for its end, and answers its exit code once all it wrote was read.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let (out, err) = (Arc::clone(&self.out), Arc::clone(&self.err));
        let tell = move || [copy(&out), copy(&err)].concat().join("\n");
        let child = &mut self.child;
        let status = until("the process ends", tell, async || {
            child.try_wait().expect("it is ours")
        })
        .await;
        for reader in self.readers.drain(..) {
            reader.join().expect("it only reads");
        }
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn copy(lines: &Lines) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Reads to the end, so that the program never waits for somebody to listen.
fn keep(from: impl Read + Send + 'static, lines: &Lines) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    })
}

/// The program `api` as it was built for these tests.
pub(crate) fn api_program() -> PathBuf {
    env!("CARGO_BIN_EXE_api").into()
}

/// The program `tracker` beside it, built first if it is missing or older than what it was built from.
pub(crate) fn tracker_program() -> PathBuf {
    static BUILT: Once = Once::new();
    let api = api_program();
    let tracker = api.with_file_name(format!("tracker{}", std::env::consts::EXE_SUFFIX));
    BUILT.call_once(|| {
        if !is_fresh(&tracker) {
            build_tracker(&api);
        }
        assert!(tracker.is_file(), "there is no {}", tracker.display());
    });
    tracker
}

/// Whether a program is newer than everything that cargo says it was built from, in the file beside it.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    let Ok(sources) = fs::read_to_string(program.with_extension("d")) else {
        return false;
    };
    let built = changed(program);
    // Blanks within a path are escaped.
    let sources = sources.replace("\\ ", "\0");
    built.is_some()
        && sources.split_whitespace().skip(1).all(|source| {
            let source = source.replace('\0', " ");
            let source = changed(Path::new(&source));
            source.is_some() && source <= built
        })
}

/// Builds with what `api` was built with, so that both share what they depend on.
fn build_tracker(api: &Path) {
    let profile = api.parent().expect("a folder");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let target = profile.parent().expect("a folder");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "api", "-p", "tracker"])
        .args(["--bin", "tracker", "--profile", name, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is a program");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the tracker cannot be built:\n{said}"
    );
}
