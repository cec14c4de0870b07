//! How a process lives and ends.
//!
//! One invariant: a process ends in bounded time, in one order, whatever happens: readiness fails, a moment passes,
//! polling and new work stop while sockets close spread over a third of the grace, what runs is drained, and what is
//! left at the end of the grace is abandoned with a failing exit code. A task that dies starts the same ending.
//! `main` owns the [`Lifecycle`]; everything that runs holds its [`Shutdown`].

mod ending;
mod shutdown;
mod signal;

use std::{io, process::ExitCode, time::Duration};

use tokio::{sync::mpsc, time::Instant};

pub use ending::Ending;
pub use shutdown::Shutdown;
pub use signal::Signals;

use crate::random::Random;
use shutdown::Failure;

/// What the runtime waits for blocking calls that outlive their process' work.
const ABANDON_AFTER: Duration = Duration::from_secs(1);

/// The owner's half: waits for the end and conducts it.
#[derive(Debug)]
pub struct Lifecycle {
    shutdown: Shutdown,
    failures: mpsc::UnboundedReceiver<Failure>,
}

impl Lifecycle {
    /// Listens for `signals`: the first begins the end, the second cuts it short.
    ///
    /// `grace` bounds the whole ending; `random` spreads the closing of sockets.
    pub fn start(signals: Signals, grace: Duration, random: Random) -> Self {
        let lifecycle = Self::without_signals(grace, random);
        signals.listen(lifecycle.shutdown.clone());
        lifecycle
    }

    /// As [`Self::start`], without signals: for tests, which call [`Shutdown::begin`].
    pub fn without_signals(grace: Duration, random: Random) -> Self {
        let (failed, failures) = mpsc::unbounded_channel();
        Self {
            shutdown: Shutdown::new(grace, random, failed),
            failures,
        }
    }

    /// The half that everything that runs holds.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits until somebody asks for the end or a task dies, then conducts the ending.
    pub async fn run(mut self) -> Ending {
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
        let ending = match (failed, drained) {
            (true, _) => Ending::Failed,
            (false, true) => Ending::Drained,
            (false, false) => Ending::GraceExceeded,
        };
        tracing::info!(%ending, "ended");
        ending
    }

    /// Goes through the stages; whether everything was drained by `deadline`.
    async fn end_by(&self, deadline: Instant) -> bool {
        let shutdown = &self.shutdown;
        shutdown.begin();
        tokio::select! {
            () = tokio::time::sleep(shutdown.notice()) => {}
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

/// Runs a program's future to its exit code on a runtime of its own, and does not wait long for blocking calls that
/// are still running then.
///
/// # Errors
///
/// If the operating system gives no threads.
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
