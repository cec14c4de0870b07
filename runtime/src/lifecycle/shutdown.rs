//! The half of the lifecycle that everything that runs holds.
//!
//! One invariant: what is spawned here is waited for at the end, and a task that must not end never ends unnoticed.
//! Servers, the tracker's loop and every socket hold a clone.

use std::{error::Error, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{random::Random, say};

/// The least time between failing readiness and the first closed socket, where the grace has room for it.
const LEAST_NOTICE: Duration = Duration::from_secs(1);
/// The most of it.
const MOST_NOTICE: Duration = Duration::from_millis(1500);

/// Tells when to stop, and runs tasks that are waited for. Clones share everything.
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

/// A task that died.
#[derive(Debug)]
pub(super) struct Failure {
    task: &'static str,
    reason: String,
}

impl Failure {
    pub(super) fn log(&self) {
        tracing::error!(task = self.task, reason = self.reason, "a task died");
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

    /// Begins the end, as the first signal does.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Stage one: no longer ready, though everything is still served.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Stage two: poll no more, accept no more, finish what runs, close sockets each after a
    /// [`Self::closing_delay`].
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// The last stage: whoever is still here is abandoned. Also cancelled when everything was drained.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Runs a task that lives until [`Self::soft`] and is waited for. If it fails, panics or ends before, the process
    /// ends with failure.
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
                Ok(Ok(())) => "ended by itself".to_owned(),
                Ok(Err(error)) => say::chain(error.into().as_ref()),
                Err(panicked) => panicked.to_string(),
            };
            // The receiver outlives the tracker's tasks, but for a test that dropped its Lifecycle.
            let _ = watch.failed.send(Failure { task: name, reason });
        });
    }

    /// Runs a task that may end at any time, such as a socket, and is waited for. A panic ends that task only.
    pub fn track<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Runs a task that serves to the very end, such as the metrics listener: it is not waited for, and is dropped
    /// with [`Self::hard`].
    #[expect(
        clippy::disallowed_methods,
        reason = "the tracker would wait for it, and it waits for the tracker"
    )]
    pub fn spawn_companion<F, E>(&self, name: &'static str, task: F)
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
                Some(Ok(Ok(()))) => "ended by itself".to_owned(),
                Some(Ok(Err(error))) => say::chain(error.into().as_ref()),
                Some(Err(panicked)) => panicked.to_string(),
            };
            let _ = watch.failed.send(Failure { task: name, reason });
        });
    }

    /// What `work` answers, or nothing if the end begins first: for starts that wait.
    pub async fn unless_stopped<F: Future>(&self, work: F) -> Option<F::Output> {
        self.draining.run_until_cancelled(work).await
    }

    /// Bounds the whole ending.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// How long everything is still served after readiness failed: 1 to 1.5 s, at most half of the grace.
    pub fn notice(&self) -> Duration {
        (self.grace / 3)
            .max(LEAST_NOTICE.min(self.grace / 2))
            .min(MOST_NOTICE)
    }

    /// The time over which sockets close after [`Self::soft`]: a third of the grace.
    pub fn closing_spread(&self) -> Duration {
        self.grace / 3
    }

    /// When, after [`Self::soft`], one socket closes: drawn anew for each from the [`Self::closing_spread`], so that
    /// clients do not all come back at once.
    pub fn closing_delay(&self) -> Duration {
        self.random.below(self.closing_spread())
    }

    /// What is waited for, for those who spawn on it themselves.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
