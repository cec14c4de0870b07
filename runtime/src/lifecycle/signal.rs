//! What signals mean.
//!
//! The first SIGTERM or SIGINT asks for an orderly end, the second for an immediate one. [`Signals::catch`] is
//! the first thing that a program does, so that a signal during the rest of the start is not lost and does not kill it:
//! it is handled when [`Lifecycle::start`](super::Lifecycle::start) begins to listen.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// SIGTERM and SIGINT, caught.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches the signals from now on. One that arrives is kept until it is listened for.
    ///
    /// # Errors
    ///
    /// If the operating system refuses the handlers.
    ///
    /// # Panics
    ///
    /// If it is called outside of a Tokio runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends `shutdown` by the signals, in a task of its own.
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the process, nothing waits for it"
    )]
    pub(super) fn listen(mut self, shutdown: Shutdown) {
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::info!(signal = name, grace = ?shutdown.grace(), "stopping");
            shutdown.begin();
            let name = self.next().await;
            tracing::warn!(signal = name, "stopping at once");
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
