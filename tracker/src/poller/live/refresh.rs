//! Refreshes what the loop reads from the database, and writes responses and provider status.
//!
//! After an error the loop continues with its last state and refreshes again a second later.

use entity::{PollOutcome, ProviderState, Symbol};
use market::{LastSessions, StalenessContext};
use store::{
    poll_request::{self, Completion},
    provider::ProviderStatus,
    stock,
};
use tokio::time::Instant;

use super::{super::context::with_timeout, LiveLoop, ProviderHealth, RefreshRequest};
use crate::{schedule::HumanDuration, stream::StreamState};

/// Maximum number of symbols in a log line.
const MAX_LOGGED: usize = 20;

impl LiveLoop {
    /// Reads new poll requests, and if `all` also the tracked stocks and the next split and
    /// backfill requests; updates the metrics and writes the provider status. Returns when it
    /// began.
    pub(super) async fn refresh_once(&mut self, all: bool) -> Instant {
        let started = Instant::now();
        let refreshed = self.try_refresh(all).await;
        if !self.outage.record(&refreshed) {
            self.context.reject_poll_requests().await;
            self.refresh_requests.retain(|refresh| refresh.in_flight);
            self.searches.clear();
        }
        started
    }

    async fn try_refresh(&mut self, all: bool) -> Result<(), store::Error> {
        let known: Vec<i64> = self
            .refresh_requests
            .iter()
            .flat_map(|refresh| &refresh.request.ids)
            .copied()
            .chain(self.searches.ids())
            .collect();
        let opened = poll_request::pending(&self.context.store, |id| known.contains(&id));
        let opened = with_timeout(opened).await?;
        let polls = opened.polls.into_iter().map(RefreshRequest::new);
        self.refresh_requests.extend(polls);
        self.open_searches(opened.searches).await?;
        if all {
            self.tracked.reload(&self.context.store).await?;
            let tracked = &self.tracked.stocks;
            self.symbols
                .retain(|symbol, state| state.in_flight || tracked.contains_key(symbol));
            self.update_routing();
            self.log_notes();
            self.log_pace();
        }
        // Before anything is written, so that the metrics are updated in a read-only database too.
        if self.metrics_throttle.is_due() {
            let now = self.context.now();
            let expected = StalenessContext {
                now,
                interval: None,
                hours: self.settings.hours,
                sessions: LastSessions::at(now),
                replayed: false,
            };
            self.tracked
                .update_metrics(&self.context, |_| expected, |it| self.routing.interval(it))
                .await?;
            for health in &self.providers {
                let name = health.provider.name();
                self.context
                    .update_budget_metrics(name, health.budget)
                    .await?;
            }
        }
        let statuses = self.provider_statuses();
        with_timeout(self.status.write_if_due(&self.context.store, statuses)).await?;
        if all {
            self.write_unserved().await?;
            self.load_splits().await?;
            self.load_backfill().await?;
        }
        if self.prune_throttle.is_due() {
            with_timeout(poll_request::delete_old(&self.context.store)).await?;
            self.context
                .delete_old_searches(self.settings.search)
                .await?;
        }
        Ok(())
    }

    /// Logs when a provider turns out not to work as configured.
    fn log_notes(&mut self) {
        for health in &mut self.providers {
            let (provider, note) = (health.provider.name(), health.provider.note());
            if note.is_some() && note != health.logged_note {
                tracing::warn!(provider, note, "the provider cannot work as configured");
            }
            health.logged_note = note;
        }
    }

    /// Logs when the budget of a provider in use begins or ceases to extend the update interval.
    fn log_pace(&mut self) {
        let now = self.context.now();
        for index in 0..self.providers.len() {
            if !self.is_active(index, now) {
                continue;
            }
            let planned = self.routing.pace(index).plan;
            let health = &mut self.providers[index];
            let (provider, logged) = (health.provider.name(), health.logged_pace.replace(planned));
            let update_interval = HumanDuration(self.settings.update_interval);
            let effective = HumanDuration(planned.interval);
            match planned.limit {
                Some(budget) if logged != Some(planned) => {
                    tracing::info!(
                        provider,
                        %update_interval,
                        %effective,
                        %budget,
                        "symbols are polled less often than UPDATE_INTERVAL, to stay within the budget"
                    );
                }
                None if logged.is_some_and(|logged| logged.limit.is_some()) => {
                    tracing::info!(provider, %update_interval, "symbols are polled every UPDATE_INTERVAL");
                }
                _ => {}
            }
        }
    }

    /// Writes and logs the tracked symbols that no provider serves, when they change.
    async fn write_unserved(&mut self) -> Result<(), store::Error> {
        let unserved = self.unserved(|_| true);
        if self.unserved.as_ref() == Some(&unserved) {
            return Ok(());
        }
        with_timeout(stock::set_unserved(&self.context.lease, &unserved)).await?;
        if !unserved.is_empty() {
            let symbols: Vec<&str> = unserved.iter().map(Symbol::as_str).collect();
            tracing::warn!(
                count = symbols.len(),
                symbols = symbols[..symbols.len().min(MAX_LOGGED)].join(","),
                "no provider of PROVIDER serves these symbols, so they are not polled"
            );
        }
        self.unserved = Some(unserved);
        Ok(())
    }

    /// Writes the responses of completed poll requests, equal ones at once, and of searches, and
    /// drops expired requests.
    pub(super) async fn respond_once(&mut self) {
        self.answer_searches().await;
        let mut responses: Vec<(&Completion, Vec<i64>)> = Vec::new();
        for refresh in &self.refresh_requests {
            let (ids, symbol) = (&refresh.request.ids, &refresh.request.symbol);
            let Some(completion) = &refresh.completion else {
                continue;
            };
            if completion.outcome != PollOutcome::Answered {
                tracing::info!(%symbol, outcome = ?completion.outcome, "poll request without an answer");
            }
            match responses.iter_mut().find(|(other, _)| *other == completion) {
                Some((_, all)) => all.extend(ids),
                None => responses.push((completion, ids.clone())),
            }
        }
        let mut written: Vec<Completion> = Vec::new();
        for (completion, ids) in responses {
            let response = poll_request::respond(&self.context.store, &ids, completion);
            match with_timeout(response).await {
                Ok(()) => written.push(completion.clone()),
                Err(error) => {
                    tracing::debug!(error = error.as_dyn(), "failed to respond to poll requests");
                }
            }
        }
        self.refresh_requests.retain(|refresh| {
            let completion = refresh.completion.as_ref();
            let is_written = completion.is_some_and(|it| written.contains(it));
            !is_written && !refresh.is_expired()
        });
    }

    fn provider_statuses(&self) -> Vec<ProviderStatus> {
        let now = self.context.now();
        let status = |(index, health): (usize, &ProviderHealth)| {
            let planned = self.routing.pace(index).plan;
            let name = health.provider.name();
            let polled = health.status(self.is_active(index, now), planned, now);
            let (state, note) = with_stream(polled, self.context.streams.status(name));
            ProviderStatus {
                name,
                rank: health.rank,
                state,
                effective_interval: Some(planned.interval),
                note,
                terms: health.provider.terms(),
                per_second: health.budget.per_second,
                per_minute: health.budget.per_minute,
                per_day: health.budget.per_day,
            }
        };
        let live = self.providers.iter().enumerate().map(status);
        live.chain(self.standby.iter().cloned()).collect()
    }
}

/// Adds the state of a provider's stream to that of its polls. An open stream works even if polls
/// do not. The state of a failing stream does not count, because its symbols are polled.
fn with_stream(
    (state, note): (ProviderState, Option<String>),
    stream: Option<(StreamState, Option<String>)>,
) -> (ProviderState, Option<String>) {
    let works = matches!(state, ProviderState::Ok | ProviderState::Standby);
    match stream {
        Some((StreamState::Open, streaming)) if works => (ProviderState::Streaming, streaming),
        Some((StreamState::Open, Some(streaming))) => {
            let polls = note.unwrap_or_else(|| state.to_string());
            (
                ProviderState::Streaming,
                Some(format!("{streaming}; polls: {polls}")),
            )
        }
        Some((_, Some(streaming))) if works => (state, Some(streaming)),
        _ => (state, note),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_stream_works_even_if_polls_do_not() {
        let note = |text: &str| Some(text.to_owned());
        let open = || Some((StreamState::Open, note("streaming 2 symbols")));
        let down = || {
            Some((
                StreamState::Down("reset".into()),
                note("the stream is down"),
            ))
        };
        let ok = || (ProviderState::Ok, None);
        let failing = || (ProviderState::Failing, note("HTTP 500"));
        for (polled, stream, expected) in [
            (ok(), None, ok()),
            (
                ok(),
                open(),
                (ProviderState::Streaming, note("streaming 2 symbols")),
            ),
            (
                ok(),
                down(),
                (ProviderState::Ok, note("the stream is down")),
            ),
            (
                failing(),
                open(),
                (
                    ProviderState::Streaming,
                    note("streaming 2 symbols; polls: HTTP 500"),
                ),
            ),
            (failing(), down(), failing()),
        ] {
            assert_eq!(with_stream(polled, stream), expected);
        }
    }
}
