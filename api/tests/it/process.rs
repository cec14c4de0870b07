//! A program under test, as a separate process. It is killed and reaped when its value is dropped.

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

/// Time that a test waits for a state, far longer than needed on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Waits for a state. At the deadline, panics with the text of `report`.
pub(crate) async fn until<T>(
    what: &str,
    report: impl Fn() -> String,
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
    waited.unwrap_or_else(|_| panic!("never: {what}\n{}", report()))
}

/// The lines written so far.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running program.
pub(crate) struct Process {
    child: Child,
    out: Lines,
    err: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program with only these variables.
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

    /// The lines of its standard output.
    pub(crate) fn out(&self) -> Vec<String> {
        copy(&self.out)
    }

    /// The lines of its standard error.
    pub(crate) fn err(&self) -> Vec<String> {
        copy(&self.err)
    }

    /// The last lines of its output, for the report of a failed test.
    pub(crate) fn last_words(&self) -> String {
        let mut lines = self.out();
        lines.extend(self.err());
        let from = lines.len().saturating_sub(25);
        lines[from..].join("\n")
    }

    /// Waits for a line of its log, and returns the result of `find`.
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

    /// CPU time since its start in seconds, in ticks of 10 ms; 0 where the system does not report
    /// it.
    pub(crate) fn computed(&self) -> f64 {
        let Ok(about) = fs::read_to_string(format!("/proc/{}/stat", self.child.id())) else {
            return 0.0;
        };
        // The name, in parentheses, may contain anything. The third field follows it.
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

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // Fails if it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child process").is_none()
    }

    /// Waits until it exits and its output is read. Returns the exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let (out, err) = (Arc::clone(&self.out), Arc::clone(&self.err));
        let report = move || [copy(&out), copy(&err)].concat().join("\n");
        let child = &mut self.child;
        let status = until("the process ends", report, async || {
            child.try_wait().expect("a child process")
        })
        .await;
        for reader in self.readers.drain(..) {
            reader.join().expect("no panic");
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

/// Reads to the end, so that the program never blocks on a full pipe.
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

/// The program `api`, built for these tests.
pub(crate) fn api_program() -> PathBuf {
    env!("CARGO_BIN_EXE_api").into()
}

/// The program `tracker` in the same folder, built first if it is missing or out of date.
pub(crate) fn tracker_program() -> PathBuf {
    static BUILT: Once = Once::new();
    let api = api_program();
    let tracker = api.with_file_name(format!("tracker{}", std::env::consts::EXE_SUFFIX));
    BUILT.call_once(|| {
        if !is_fresh(&tracker) {
            build_tracker(&api);
        }
        assert!(tracker.is_file(), "{} is missing", tracker.display());
    });
    tracker
}

/// Whether a program is newer than its sources, which cargo lists in the `.d` file.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|it| it.modified()).ok();
    let Ok(sources) = fs::read_to_string(program.with_extension("d")) else {
        return false;
    };
    let built = changed(program);
    // Spaces in a path are escaped.
    let sources = sources.replace("\\ ", "\0");
    built.is_some()
        && sources.split_whitespace().skip(1).all(|source| {
            let source = source.replace('\0', " ");
            let source = changed(Path::new(&source));
            source.is_some() && source <= built
        })
}

/// Builds with the profile and features of `api`, so that both share their dependencies.
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
    let output = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the tracker cannot be built:\n{output}"
    );
}
