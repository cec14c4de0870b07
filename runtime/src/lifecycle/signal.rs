//! Handles signals: the first SIGTERM or SIGINT begins a graceful shutdown, the second aborts it.
//!
//! [`Signals::catch`] is the first thing a program does, so that a signal during startup is neither
//! lost nor fatal: it is handled when [`Lifecycle::start`](super::Lifecycle::start) begins to
//! listen.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// The handlers of SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers. A signal that arrives before
    /// [`Lifecycle::start`](super::Lifecycle::start) is handled then.
    ///
    /// # Errors
    ///
    /// If the handlers cannot be installed.
    ///
    /// # Panics
    ///
    /// If called outside of a Tokio runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Spawns the task that waits for signals.
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with the process and is not waited for"
    )]
    pub(super) fn listen(mut self, shutdown: Shutdown) {
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::info!(signal = name, grace = ?shutdown.grace(), "stopping");
            shutdown.begin();
            let name = self.next().await;
            tracing::warn!(signal = name, "stopping immediately");
            shutdown.hard().cancel();
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
