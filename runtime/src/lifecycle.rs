//! Startup and graceful shutdown of a process.
//!
//! A shutdown takes bounded time and always has the same order: readiness fails; after a short
//! delay, polling and new work stop, and sockets close, spread over a third of the grace period;
//! running work is drained; at the end of the grace period, the rest is abandoned and the exit code
//! is 1. A task that fails starts the same shutdown. `main` owns the [`Lifecycle`]; everything else
//! holds its [`Shutdown`].

mod shutdown;
mod signal;

use std::{fmt, io, process::ExitCode, time::Duration};

use tokio::{sync::mpsc, time::Instant};

pub use shutdown::Shutdown;
pub use signal::Signals;

use crate::random::Random;
use shutdown::Failure;

/// How long the runtime waits for blocking calls after the program has ended.
const ABANDON_AFTER: Duration = Duration::from_secs(1);

/// Waits for the shutdown and runs it. Owned by `main`.
#[derive(Debug)]
pub struct Lifecycle {
    shutdown: Shutdown,
    failures: mpsc::UnboundedReceiver<Failure>,
}

impl Lifecycle {
    /// Starts to listen for `signals`: the first begins the shutdown, the second aborts it.
    ///
    /// `grace` bounds the whole shutdown; `random` spreads the closing of sockets.
    pub fn start(signals: Signals, grace: Duration, random: Random) -> Self {
        let lifecycle = Self::without_signals(grace, random);
        signals.listen(lifecycle.shutdown.clone());
        lifecycle
    }

    /// Like [`Self::start`], without signals, for tests, which call [`Shutdown::begin`].
    pub fn without_signals(grace: Duration, random: Random) -> Self {
        let (failed, failures) = mpsc::unbounded_channel();
        Self {
            shutdown: Shutdown::new(grace, random, failed),
            failures,
        }
    }

    /// Returns the handle for tasks and servers.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits until a shutdown is requested or a task fails, then runs the shutdown.
    pub async fn run(mut self) -> ShutdownOutcome {
        let mut failed = tokio::select! {
            biased;
            Some(failure) = self.failures.recv() => {
                failure.log();
                true
            }
            () = self.shutdown.draining().cancelled() => false,
        };
        let deadline = Instant::now() + self.shutdown.grace();
        let drained = self.end_by(deadline).await;
        while let Ok(failure) = self.failures.try_recv() {
            failure.log();
            failed = true;
        }
        let outcome = match (failed, drained) {
            (true, _) => ShutdownOutcome::Failed,
            (false, true) => ShutdownOutcome::Drained,
            (false, false) => ShutdownOutcome::GraceExceeded,
        };
        tracing::info!(%outcome, "process ended");
        outcome
    }

    /// Runs the stages of the shutdown. Returns whether everything was drained by `deadline`.
    async fn end_by(&self, deadline: Instant) -> bool {
        let shutdown = &self.shutdown;
        shutdown.begin();
        tokio::select! {
            () = tokio::time::sleep(shutdown.shutdown_delay()) => {}
            () = shutdown.hard().cancelled() => {}
        }
        shutdown.soft().cancel();
        shutdown.tasks().close();
        let drained = tokio::select! {
            biased;
            () = shutdown.tasks().wait() => true,
            () = shutdown.hard().cancelled() => false,
            () = tokio::time::sleep_until(deadline) => false,
        };
        shutdown.hard().cancel();
        drained
    }
}

/// The outcome of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownOutcome {
    /// Shutdown was requested, and everything was drained in time.
    Drained,
    /// A task failed.
    Failed,
    /// Something was still running at the end of the grace period or at the second signal.
    GraceExceeded,
}

impl ShutdownOutcome {
    /// Returns 0 if drained, otherwise 1.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Drained => ExitCode::SUCCESS,
            Self::Failed | Self::GraceExceeded => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for ShutdownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained",
            Self::Failed => "failed",
            Self::GraceExceeded => "grace exceeded",
        })
    }
}

/// Runs a program on a new runtime and returns its exit code. Waits only briefly for blocking calls
/// that are still running.
///
/// # Errors
///
/// If the runtime cannot create its threads.
pub fn block_on(program: impl Future<Output = ExitCode>) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(program);
    runtime.shutdown_timeout(ABANDON_AFTER);
    Ok(code)
}

#[cfg(test)]
mod tests;
