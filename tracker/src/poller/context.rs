//! What it takes to ask a provider once, and to store what it said.
//!
//! One invariant: no request is sent that was not charged before, and an answer waits for a database that is away for as
//! long as the lease holds. With the lease it is dropped, and asked for anew by whoever holds it next: stored late, it
//! could be older than what that one has stored. Both loops, [`super::live`] and [`super::replay`], work at it.

use std::{sync::Arc, time::Duration};

use crate::metrics::{BudgetWindow, CallOutcome, Endpoint, TrackerMetrics};
use chrono::{Days, NaiveDate};
use entity::{PollOutcome, Symbol, Timestamp};
use runtime::random::Random;
use sea_orm::DbErr;
use store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    budget::{self, Charge, Granted, Purpose},
    ingest::{Answers, Ingest, Ingested},
    lease::Lease,
    provider::{Budget, Pace, Poll, PollError, QuoteProvider},
    request::{self, Verdict},
};

/// The longest that a poll may take, whatever a provider promises of its own time-outs.
pub(super) const LONGEST_POLL: Duration = Duration::from_secs(15);
/// The longest that a look at the database may take.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// How long to leave a failing database alone, at least and beyond that at most: it is to be noticed soon that it is back.
pub(super) const RETRY: Duration = Duration::from_millis(250);

/// A stock to track if the provider knows it, with the name to give it.
pub(super) type Newcomer = (Symbol, Option<String>);

/// What every poll needs.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) ingest: Ingest,
    pub(crate) lease: Arc<Lease>,
    pub(crate) metrics: TrackerMetrics,
    pub(crate) random: Random,
    /// Cancelled when the process begins to end.
    pub(crate) stopping: CancellationToken,
    /// Whether a listed provider reports splits.
    pub(crate) splits_can_be_asked: bool,
}

/// A request that was charged, and since when.
pub(super) struct Charged {
    pub(super) granted: Granted,
    at: Timestamp,
    begun: Instant,
}

/// What became of a request to a provider.
#[derive(Debug)]
pub(super) enum Asked {
    /// The budget has nothing left: nothing was sent.
    NotGranted(Charge),
    /// The database could not charge it: nothing was sent.
    NotCharged(DbErr),
    /// It was sent and answered, and what there was to store is stored.
    Answered {
        answers: Vec<(Symbol, Option<PollError>)>,
        /// What it left of the day's budget, if there is one.
        day_left: Option<u32>,
    },
    /// It was answered, but the process ends and the database is away.
    Lost,
}

impl Desk {
    pub(super) fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    /// Charges, asks and stores. A malformed answer for a symbol of `failing_alone` counts as one without a price.
    pub(super) async fn ask(
        &self,
        provider: &dyn QuoteProvider,
        budget: Budget,
        purpose: Purpose,
        symbols: &[Symbol],
        failing_alone: &[Symbol],
        track: Option<Newcomer>,
    ) -> Asked {
        let name = provider.name();
        let charged = match self.charge(name, budget, purpose, symbols).await {
            Ok(charged) => charged,
            Err(asked) => return asked,
        };
        let mut poll = self.poll(provider, symbols).await;
        blame_symbols(&mut poll, failing_alone);
        let spent = poll
            .answers
            .iter()
            .any(|(_, answer)| *answer == Err(PollError::BudgetSpent));
        self.settle(name, budget, &charged, spent).await;
        let answers = answers(name, &poll, track);
        if self.record(answers).await.is_none() {
            return Asked::Lost;
        }
        Asked::Answered {
            answers: poll
                .answers
                .into_iter()
                .map(|(symbol, answer)| (symbol, answer.err()))
                .collect(),
            day_left: charged.granted.day_left,
        }
    }

    /// Charges a request.
    pub(super) async fn charge(
        &self,
        name: &'static str,
        budget: Budget,
        purpose: Purpose,
        symbols: &[Symbol],
    ) -> Result<Charged, Asked> {
        let (at, begun) = (self.now(), Instant::now());
        let charge = budget::charge(&self.lease, name, budget, purpose, symbols, at);
        match bounded(charge).await {
            Ok(Charge::Granted(granted)) => Ok(Charged { granted, at, begun }),
            Ok(refused) => Err(Asked::NotGranted(refused)),
            Err(error) => Err(Asked::NotCharged(error)),
        }
    }

    /// Writes down what a request turned out to cost: more if it took long, and the whole day if it `spent` that.
    pub(super) async fn settle(
        &self,
        name: &'static str,
        budget: Budget,
        charged: &Charged,
        spent: bool,
    ) {
        let now = self.now();
        // It was sent at some time after it was charged, which a slow database makes late too.
        let took = charged.begun.elapsed().max(now.since(charged.at));
        let settled = budget::settle(&self.lease, charged.granted, took, now);
        if let Err(error) = bounded(settled).await {
            tracing::warn!(provider = name, %error, "a slow request counts from its beginning");
        }
        if spent
            && let Err(error) =
                bounded(budget::spend_day(&self.lease, name, budget, self.now())).await
        {
            tracing::warn!(provider = name, %error, "a spent day is not written down");
        }
    }

    /// Asks once, in bounded time, and counts it.
    pub(super) async fn poll(&self, provider: &dyn QuoteProvider, symbols: &[Symbol]) -> Poll {
        let begun = Instant::now();
        let span =
            tracing::debug_span!("poll", provider = provider.name(), symbols = symbols.len());
        let mut poll = tokio::time::timeout(LONGEST_POLL, provider.poll(symbols))
            .instrument(span)
            .await
            .unwrap_or_else(|_| Poll::failed(symbols, &PollError::Timeout));
        let name = provider.name();
        let endpoint = match provider.pace() {
            Pace::Polled { .. } => {
                refuse_the_future(&mut poll, market::trading_day(self.now()));
                Endpoint::Quote
            }
            // A replay tells days of its own.
            Pace::Driven { .. } => Endpoint::Daily,
        };
        self.metrics
            .provider_called(name, endpoint, outcome_of(poll.outcome()), begun.elapsed());
        for (symbol, answer) in &poll.answers {
            if let Err(error) = answer {
                tracing::debug!(provider = name, %symbol, %error, "no quote");
            }
        }
        poll
    }

    /// Stores what a poll brought, however long the database is away. `None` if the process ends before it is back.
    pub(super) async fn record(&self, answers: Answers) -> Option<Ingested> {
        let provider = answers.provider;
        let mut waited = false;
        loop {
            let answers = Answers {
                splits_can_be_asked: self.splits_can_be_asked,
                ..answers.clone()
            };
            match bounded(self.ingest.ingest(answers)).await {
                Ok(ingested) => {
                    if waited {
                        tracing::info!(provider, "prices are stored again");
                    }
                    return Some(ingested);
                }
                Err(error) if self.stopping.is_cancelled() => {
                    tracing::error!(provider, %error, "the last prices are not stored");
                    return None;
                }
                Err(error) if waited => tracing::debug!(provider, %error, "prices still wait"),
                Err(error) => tracing::warn!(provider, %error, "prices wait to be stored"),
            }
            waited = true;
            self.refuse_requests().await;
            self.stopping.run_until_cancelled(self.pause()).await;
        }
    }

    /// Answers all open requests with that the database does not answer: what they ask for cannot be stored now. If this
    /// cannot be written either, whoever reads the answer finds that out.
    pub(super) async fn refuse_requests(&self) {
        let refusing = async {
            let open = request::open(&self.store, |_| false).await?;
            let ids: Vec<i64> = open.into_iter().flat_map(|request| request.ids).collect();
            if !ids.is_empty() {
                let verdict = Verdict::of(PollOutcome::DatabaseUnavailable);
                request::answer(&self.store, &ids, verdict).await?;
            }
            Ok(())
        };
        if let Err(error) = bounded(refusing).await {
            tracing::debug!(%error, "cannot answer requests");
        }
    }

    /// Shows what a provider's budget has left.
    pub(super) async fn observe_budget(
        &self,
        provider: &'static str,
        budget: Budget,
    ) -> Result<(), DbErr> {
        let left = budget::left(self.store.database.read(), provider, budget, self.now());
        let left = bounded(left).await?;
        for (window, left) in [
            (BudgetWindow::Minute, left.minute),
            (BudgetWindow::Day, left.day),
        ] {
            if let Some(left) = left {
                self.metrics
                    .budget_counted(provider, window, u64::from(left));
            }
        }
        Ok(())
    }

    /// Leaves a failing database alone for a moment.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(RETRY + self.random.below(RETRY * 3)).await;
    }
}

/// The metrics' word for how a request ended.
pub(super) fn outcome_of(said: &str) -> CallOutcome {
    let known = CallOutcome::ALL
        .iter()
        .find(|outcome| outcome.as_str() == said);
    known.copied().unwrap_or(CallOutcome::Error)
}

/// What ingest is given: the quotes, and who was answered for without one.
pub(super) fn answers(provider: &'static str, poll: &Poll, track: Option<Newcomer>) -> Answers {
    let mut answers = Answers {
        provider,
        position: poll.position.clone(),
        follows: poll.follows.clone(),
        ..Answers::default()
    };
    for (symbol, answer) in &poll.answers {
        match answer {
            Ok(quote) => answers.quotes.push(quote.clone()),
            Err(error) if error.counts_as_answer() => answers.quoteless.push(symbol.clone()),
            Err(_) => {}
        }
    }
    let exists = |(symbol, _): &Newcomer| {
        let of = |(answered, answer): &(Symbol, Result<_, PollError>)| {
            answered == symbol && matches!(answer, Ok(_) | Err(PollError::NoQuote))
        };
        poll.answers.iter().any(of)
    };
    answers.track = track.filter(exists);
    answers
}

/// Gives up on a database that does not even refuse.
pub(super) async fn bounded<T>(
    looking: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    tokio::time::timeout(LONGEST_LOOK, looking)
        .await
        .unwrap_or_else(|_| {
            Err(DbErr::Custom(
                "the database does not answer in time".to_owned(),
            ))
        })
}

/// Tells once that the database is away, and once that it is back.
#[derive(Debug, Default)]
pub(super) struct Outage(bool);

impl Outage {
    /// Takes note of how a look at the database went. Answers whether it went well.
    pub(super) fn note(&mut self, looked: Result<(), DbErr>) -> bool {
        let failed = looked.is_err();
        match looked {
            Ok(()) if self.0 => tracing::info!("the database is back"),
            Ok(()) => {}
            Err(error) if self.0 => tracing::debug!(%error, "the database is still away"),
            Err(error) => tracing::warn!(%error, "the database is away: nothing is polled"),
        }
        self.0 = failed;
        !failed
    }
}

/// Takes malformed answers for symbols for which the provider fails alone as answers without a price.
fn blame_symbols(poll: &mut Poll, failing_alone: &[Symbol]) {
    for (symbol, answer) in &mut poll.answers {
        if let Err(error) = answer
            && matches!(error, PollError::Malformed { .. })
            && failing_alone.contains(symbol)
        {
            *answer = Err(PollError::no_price(error.to_string()));
        }
    }
}

/// A quote of a day that is yet to come, anywhere in the world, is none: stored, it would make every true one after it
/// look old.
fn refuse_the_future(poll: &mut Poll, today: NaiveDate) {
    let last = today + Days::new(1);
    for (_, answer) in &mut poll.answers {
        if answer.as_ref().is_ok_and(|quote| quote.trading_day > last) {
            *answer = Err(PollError::no_price("its trading day is yet to come"));
        }
    }
}
