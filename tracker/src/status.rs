//! Writes the status of the providers to the database when it changes, and a heartbeat.
//!
//! The heartbeat is the `updated_at` of the providers, which is at most 2 seconds old while a
//! tracker is active. `api` reads it to detect that no tracker is.

use std::{collections::HashMap, time::Duration};

use entity::ProviderState;
use store::{
    Store,
    provider::{self, ProviderStatus},
};
use tokio::time::Instant;

use crate::metrics::TrackerMetrics;

/// How often the heartbeat is written.
const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// How often a changed note is written. A fast replay changes its note many times a second.
const NOTE_INTERVAL: Duration = Duration::from_millis(500);

/// Writes the status of the providers.
#[derive(Debug)]
pub(crate) struct StatusWriter {
    metrics: TrackerMetrics,
    written: HashMap<&'static str, ProviderStatus>,
    written_at: Option<Instant>,
}

impl StatusWriter {
    pub(crate) fn new(metrics: TrackerMetrics) -> Self {
        Self {
            metrics,
            written: HashMap::new(),
            written_at: None,
        }
    }

    /// Writes the statuses that changed, or only the heartbeat if it is due, or nothing. `statuses`
    /// are those of all configured providers. After an error, the next call writes all of them.
    pub(crate) async fn write_if_due(
        &mut self,
        store: &Store,
        statuses: Vec<ProviderStatus>,
    ) -> Result<(), store::Error> {
        let elapsed = self.written_at.map(|at| at.elapsed());
        let changed: Vec<ProviderStatus> = statuses
            .into_iter()
            .filter(|status| self.has_changed(status, elapsed))
            .collect();
        let heartbeat_due = elapsed.is_none_or(|elapsed| elapsed >= HEARTBEAT);
        if changed.is_empty() && !heartbeat_due {
            return Ok(());
        }
        self.written_at = None;
        let written = std::mem::take(&mut self.written);
        match elapsed {
            None => provider::configure(store, &changed).await?,
            Some(_) => provider::update(store, &changed).await?,
        }
        self.metrics.tracking_written();
        self.written_at = Some(Instant::now());
        self.written = written;
        for status in changed {
            let before = self.written.insert(status.name, status.clone());
            log_state(&status, before.as_ref());
        }
        Ok(())
    }

    /// Whether a status must be written. `elapsed` is the time since the last write.
    fn has_changed(&self, status: &ProviderStatus, elapsed: Option<Duration>) -> bool {
        let Some(written) = self.written.get(status.name) else {
            return true;
        };
        if elapsed.is_some_and(|elapsed| elapsed < NOTE_INTERVAL) {
            let note = written.note.clone();
            *written
                != ProviderStatus {
                    note,
                    ..status.clone()
                }
        } else {
            written != status
        }
    }
}

/// Logs a change of state.
fn log_state(status: &ProviderStatus, before: Option<&ProviderStatus>) {
    if before.is_some_and(|before| before.state == status.state) {
        return;
    }
    let (provider, state) = (status.name, status.state);
    let note = status.note.as_deref();
    match state {
        ProviderState::Ok | ProviderState::Streaming | ProviderState::Standby => {
            tracing::info!(provider, %state, note, "provider state changed");
        }
        _ => tracing::warn!(provider, %state, note, "provider state changed"),
    }
}
