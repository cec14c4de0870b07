//! The handle through which tasks and servers take part in the graceful shutdown.
//!
//! The shutdown waits for the tasks that are spawned here, and a task that ends early is a failure
//! of the process. Servers, the poll loop of the tracker and every socket hold a clone.

use std::{error::Error, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{console, random::Random};

/// Minimum of [`Shutdown::shutdown_delay`], if the grace period allows it.
const MIN_DELAY: Duration = Duration::from_secs(1);
/// Maximum of [`Shutdown::shutdown_delay`].
const MAX_DELAY: Duration = Duration::from_millis(1500);

/// Signals the stages of the shutdown, and spawns the tasks that it waits for. Clones share their
/// state.
#[derive(Clone, Debug)]
pub struct Shutdown {
    draining: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    failed: mpsc::UnboundedSender<Failure>,
    grace: Duration,
    random: Random,
}

/// A task that failed.
#[derive(Debug)]
pub(super) struct Failure {
    task: &'static str,
    reason: String,
}

impl Failure {
    pub(super) fn log(&self) {
        tracing::error!(task = self.task, reason = self.reason, "a task failed");
    }
}

impl Shutdown {
    pub(super) fn new(
        grace: Duration,
        random: Random,
        failed: mpsc::UnboundedSender<Failure>,
    ) -> Self {
        Self {
            draining: CancellationToken::new(),
            soft: CancellationToken::new(),
            hard: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failed,
            grace,
            random,
        }
    }

    /// Begins the shutdown, like the first signal.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Stage one: readiness fails; requests are still served.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Stage two: stop polling and accepting, finish running work, close each socket after a
    /// [`Self::closing_delay`].
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// The last stage: abandon what is still running. Also cancelled when everything was drained.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Spawns a task that runs until [`Self::soft`] and is waited for. If it fails, panics or ends
    /// earlier, the process fails.
    pub fn spawn<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let running = self.tasks.spawn(task);
        let watch = self.clone();
        self.tasks.spawn(async move {
            let reason = match running.await {
                Ok(Ok(())) if watch.soft.is_cancelled() => return,
                Ok(Ok(())) => "ended unexpectedly".to_owned(),
                Ok(Err(error)) => console::chain(error.into().as_ref()),
                Err(panicked) => panicked.to_string(),
            };
            // Only fails in a test that dropped its `Lifecycle`, and with it the receiver.
            let _ = watch.failed.send(Failure { task: name, reason });
        });
    }

    /// Spawns a task that may end at any time, for example a socket, and is waited for. A panic
    /// ends only this task.
    pub fn track<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Spawns a task that runs to the very end, for example the metrics server. It is not waited
    /// for, and is aborted at [`Self::hard`].
    #[expect(
        clippy::disallowed_methods,
        reason = "the task runs until all tracked tasks have ended, so it cannot be tracked"
    )]
    pub fn spawn_background<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        let watch = self.clone();
        let running = tokio::spawn(task);
        let abort = running.abort_handle();
        tokio::spawn(async move {
            let reason = match watch.hard.run_until_cancelled(running).await {
                None => return abort.abort(),
                Some(Ok(Ok(()))) => "ended unexpectedly".to_owned(),
                Some(Ok(Err(error))) => console::chain(error.into().as_ref()),
                Some(Err(panicked)) => panicked.to_string(),
            };
            let _ = watch.failed.send(Failure { task: name, reason });
        });
    }

    /// Returns the output of `work`, or `None` if a shutdown begins first. For startup code that
    /// waits.
    pub async fn unless_stopped<F: Future>(&self, work: F) -> Option<F::Output> {
        self.draining.run_until_cancelled(work).await
    }

    /// The maximum duration of the whole shutdown.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// The time between the failure of readiness and the first closed socket, so that load
    /// balancers stop sending requests first: 1 to 1.5 s, at most half of the grace period.
    pub fn shutdown_delay(&self) -> Duration {
        (self.grace / 3)
            .max(MIN_DELAY.min(self.grace / 2))
            .min(MAX_DELAY)
    }

    /// The time over which sockets close after [`Self::soft`]: a third of the grace period.
    pub fn closing_spread(&self) -> Duration {
        self.grace / 3
    }

    /// Returns when a socket closes after [`Self::soft`]: a random delay below
    /// [`Self::closing_spread`], so that clients do not all reconnect at once.
    pub fn closing_delay(&self) -> Duration {
        self.random.below(self.closing_spread())
    }

    /// The tasks that the shutdown waits for.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
