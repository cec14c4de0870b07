//! Stores the quotes of a poll: prices, candles, alerts and their feed entry, in one transaction.
//!
//! Repeated and late quotes are detected by comparison with the latest stored price under the
//! feed's lock. The result therefore does not depend on which process polls, or how often.

mod alert;
mod compare;
mod held;
mod load;
mod rules;
mod write;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use entity::{Alert, Decimal, Event, Price, Ratio, Stock, Symbol};
use market::{Market, is_unpriced};
use store::{
    Store,
    feed::FeedTransaction,
    provider,
    stock::{self, Details},
};
use tokio::sync::Notify;

use self::{
    alert::EvaluatedPrice,
    compare::{QuoteChange, classify},
    load::CurrentState,
    rules::{Judgement, LiveRules, SharedRules},
};
use crate::{
    candle,
    metrics::TrackerMetrics,
    quote::{PreviousClose, Quote},
    reference::{Close, ReferenceInputs},
};

/// Maximum time for which a price is held from alerts, while the splits of its stock are requested.
const MAX_HOLD: Duration = Duration::from_mins(1);

/// The result of one poll, with at most one quote per symbol.
#[derive(Clone, Debug, Default)]
pub struct QuoteBatch {
    /// The provider that was polled.
    pub provider: &'static str,
    /// The quotes.
    pub quotes: Vec<Quote>,
    /// The symbols for which the provider returned no price.
    pub quoteless: Vec<Symbol>,
    /// The symbols that the provider knows, although it was not polled for them.
    pub confirmed: Vec<Symbol>,
    /// A stock to track, and its name. The provider knows its symbol.
    pub track: Option<(Symbol, Option<String>)>,
    /// The position of a replay after this batch.
    pub position: Option<String>,
    /// The position of a replay before this batch ([`crate::provider::Poll::follows`]). Nothing is
    /// stored if the stored position is another.
    pub follows: Option<String>,
    /// Whether a provider reports splits. If so, a price that suggests an unknown split is held
    /// from alerts.
    pub reports_splits: bool,
}

impl QuoteBatch {
    /// Whether the batch is of a replay. Only a replay has positions. Its days are independent of
    /// the clock.
    fn is_replayed(&self) -> bool {
        self.position.is_some()
    }
}

/// What was stored of a [`QuoteBatch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// The number of new prices.
    pub prices: usize,
    /// The number of alerts that fired.
    pub alerts: usize,
    /// The number of quotes that were dropped because they are older than the stored price.
    pub older: usize,
    /// Whether nothing was stored because another tracker has replayed the same days.
    pub superseded: bool,
    /// The number of new prices that are held from alerts.
    pub held: usize,
}

/// A new price, with its stock and the alerts that it fires.
struct NewPrice {
    price: Price,
    stock: Stock,
    alerts: Vec<Alert>,
}

/// Stores quotes. Clones share their state.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    metrics: TrackerMetrics,
    alert_max_age: Option<u32>,
    rules: SharedRules,
    alerts_fired: Arc<Notify>,
}

impl Ingest {
    /// Creates an ingest without a limit on the age of quotes that fire alerts.
    pub fn new(store: Store, metrics: TrackerMetrics) -> Self {
        Self {
            store,
            metrics,
            alert_max_age: None,
            rules: SharedRules::default(),
            alerts_fired: Arc::default(),
        }
    }

    /// Prevents alerts for live quotes that are more than this many sessions old.
    #[must_use]
    pub fn with_alert_max_age(mut self, sessions: Option<u32>) -> Self {
        self.alert_max_age = sessions;
        self
    }

    /// Stores a batch. After an error, nothing of it is stored.
    #[tracing::instrument(level = "debug", skip_all, fields(provider = batch.provider))]
    pub async fn ingest(&self, batch: QuoteBatch) -> Result<IngestReport, store::Error> {
        // The future is large.
        Box::pin(self.store_batch(batch)).await
    }

    async fn store_batch(&self, batch: QuoteBatch) -> Result<IngestReport, store::Error> {
        let started = Instant::now();
        let mut feed = FeedTransaction::begin(&self.store).await?;
        let replayed = batch.is_replayed();
        if replayed && provider::position(feed.connection(), batch.provider).await? != batch.follows
        {
            return Ok(IngestReport {
                superseded: true,
                ..IngestReport::default()
            });
        }
        track(&mut feed, &batch).await?;
        let unquoted = batch.quoteless.iter().chain(&batch.confirmed);
        let mut current = CurrentState::load(&feed, &batch.quotes, unquoted).await?;
        let answered: Vec<i64> = current
            .stocks
            .values()
            // A stock that is tracked by this batch is stored with its answer.
            .filter(|stock| stock.answered_at != Some(feed.now()))
            .map(|stock| stock.id)
            .collect();
        stock::set_answered(feed.connection(), &answered, feed.now()).await?;
        let with_price = current.tracked(batch.quotes.iter().map(|quote| &quote.symbol));
        let without_price = current.tracked(&batch.quoteless);
        write::unpriced_answers(&feed, &with_price, &without_price).await?;
        let mut report = IngestReport::default();
        let mut recorded = Vec::new();
        let mut rules = self.rules.take(&mut feed).await?;
        for quote in &batch.quotes {
            let new = self.evaluate(
                &mut feed,
                &mut current,
                &mut rules,
                &batch,
                quote,
                &mut report,
            );
            recorded.extend(new.await?);
        }
        rules.store(&mut feed).await?;
        let prices: Vec<Price> = recorded.iter().map(|new| new.price.clone()).collect();
        store::price::record(&feed, &prices).await?;
        let previous = prices
            .iter()
            .map(|price| current.latest.get(&price.stock_id));
        candle::record(&feed, prices.iter().zip(previous)).await?;
        report.prices = prices.len();
        let mut fired: Vec<Alert> = recorded
            .iter_mut()
            .flat_map(|new| std::mem::take(&mut new.alerts))
            .collect();
        store::alert::record(feed.connection(), &mut fired).await?;
        store::delivery::enqueue(&feed, &fired).await?;
        for NewPrice { price, stock, .. } in recorded {
            feed.push(Event::QuoteRecorded { price, stock });
        }
        for alert in fired.iter().cloned() {
            feed.push(Event::AlertFired { alert });
        }
        report.alerts = fired.len();
        if let Some(position) = &batch.position {
            provider::set_position(feed.connection(), batch.provider, position).await?;
        }
        let end = feed.commit().await?;
        self.rules.put(rules, end.seq);
        self.metrics
            .batch_ingested(report.prices, started.elapsed());
        self.committed(&fired);
        log_committed(&prices, &fired);
        if !replayed {
            log_unpriced(batch.provider, &with_price, &without_price);
        }
        Ok(report)
    }

    /// Compares a quote with the stored state. If it is new, stores its details, split and alert,
    /// and returns the price, which is not stored yet.
    async fn evaluate(
        &self,
        feed: &mut FeedTransaction,
        current: &mut CurrentState,
        rules: &mut LiveRules,
        batch: &QuoteBatch,
        quote: &Quote,
        report: &mut IngestReport,
    ) -> Result<Option<NewPrice>, store::Error> {
        let Some(stock) = current.stocks.get_mut(&quote.symbol) else {
            return Ok(None);
        };
        let latest = current.latest.get(&stock.id);
        let Some(inputs) = reference_inputs(quote, latest, current.closes.get(&stock.id)) else {
            return Ok(None);
        };
        let splits = current.splits.get(&stock.id).map_or(&[][..], Vec::as_slice);
        let reference = match quote.split {
            // The provider adjusts the previous close for the splits that it reports.
            Some(_) => inputs.previous_close,
            None => inputs.reference(splits),
        };
        let replayed = batch.is_replayed();
        let mut price = price_of(quote, stock.id, reference, batch.provider, feed);
        match classify(&price, latest, replayed) {
            QuoteChange::Repeated => return Ok(None),
            QuoteChange::Older => {
                report.older += 1;
                return Ok(None);
            }
            QuoteChange::New => price.seq = feed.next_seq(),
        }
        write::details(feed, stock, quote).await?;
        if write::split(feed, stock.id, quote, batch.provider).await? {
            rules.splits_changed(feed, stock.id).await?;
        }
        let begins_day = latest.is_none_or(|latest| latest.trading_day != quote.trading_day);
        let suspect = batch.reports_splits && begins_day && inputs.suggests_split(splits);
        let judgement = if !replayed && self.is_too_old(&price) {
            Judgement::Ignored
        } else if suspect || current.held.contains(&stock.id) {
            Judgement::Held
        } else {
            Judgement::Evaluated
        };
        let mut alerts = Vec::new();
        match judgement {
            Judgement::Ignored => {}
            Judgement::Held => {
                held::hold(feed, &price, &inputs, feed.now().after(MAX_HOLD)).await?;
                report.held += 1;
            }
            Judgement::Evaluated => {
                let evaluated = EvaluatedPrice {
                    stock_id: stock.id,
                    symbol: &stock.symbol,
                    price: inputs.price,
                    trading_day: price.trading_day,
                    recorded_at: price.recorded_at,
                    fired_at: None,
                    replays_day: replayed && begins_day,
                };
                let alert = alert::evaluate(feed, current.rule.as_ref(), evaluated, reference);
                alerts.extend(alert.await?);
            }
        }
        alerts.extend(rules.evaluate(feed, &price, judgement).await?);
        stock.answered_at = Some(feed.now());
        stock.unpriced_answers = 0;
        stock.alert_count += i64::try_from(alerts.len()).unwrap_or(i64::MAX);
        Ok(Some(NewPrice {
            price,
            stock: stock.clone(),
            alerts,
        }))
    }

    /// Whether a price is too many sessions old to fire alerts.
    fn is_too_old(&self, price: &Price) -> bool {
        let market = Market::of(&price.symbol);
        let last = market.last_session(price.recorded_at);
        self.alert_max_age
            .is_some_and(|sessions| market.is_behind(price.trading_day, last, sessions))
    }

    /// Counts committed alerts and wakes their delivery.
    fn committed(&self, alerts: &[Alert]) {
        for alert in alerts {
            self.metrics.alert_triggered(alert.kind);
        }
        if !alerts.is_empty() {
            self.alerts_fired.notify_one();
        }
    }

    /// Is notified when alerts were committed.
    pub(crate) fn alerts_fired(&self) -> Arc<Notify> {
        Arc::clone(&self.alerts_fired)
    }
}

/// Tracks the stock that the batch is to track. Its row is written once, with the details from its
/// quote.
async fn track(feed: &mut FeedTransaction, batch: &QuoteBatch) -> Result<(), store::Error> {
    let Some((symbol, name)) = &batch.track else {
        return Ok(());
    };
    let quote = batch.quotes.iter().find(|quote| quote.symbol == *symbol);
    let details = quote.map(|quote| Details {
        name: quote.name.clone(),
        currency: quote.currency.clone(),
        exchange: quote.exchange.clone(),
    });
    stock::track_answered(feed, symbol, name.clone(), details.unwrap_or_default()).await?;
    Ok(())
}

/// Logs what was committed.
fn log_committed(prices: &[Price], fired: &[Alert]) {
    for price in prices {
        let Price {
            symbol,
            price,
            trading_day,
            provider,
            ..
        } = price;
        tracing::debug!(%symbol, %price, %trading_day, provider, "price stored");
    }
    for alert in fired {
        let Alert {
            id,
            symbol,
            trading_day,
            threshold,
            ..
        } = alert;
        tracing::info!(id, %symbol, %trading_day, %threshold, "{}", alert.message());
    }
}

/// Logs the symbols that are polled less often from now on because they have no price, and those
/// that are polled as planned again.
fn log_unpriced(provider: &str, priced: &[Stock], unpriced: &[Stock]) {
    for Stock { symbol, .. } in priced.iter().filter(|it| is_unpriced(it.unpriced_answers)) {
        tracing::info!(provider, %symbol, "symbol has a price again: polled as planned");
    }
    for stock in unpriced {
        let (symbol, answers) = (&stock.symbol, stock.unpriced_answers + 1);
        if is_unpriced(answers) && !is_unpriced(stock.unpriced_answers) {
            tracing::warn!(provider, %symbol, answers, "no price for the symbol: polled hourly, later daily");
        }
    }
}

/// Collects the inputs of a quote's reference price. `None` for a price of 0, which no provider
/// sends.
fn reference_inputs(
    quote: &Quote,
    latest: Option<&Price>,
    stored: Option<&(NaiveDate, Decimal)>,
) -> Option<ReferenceInputs> {
    let close = |rounded: Decimal, exact: Option<Ratio>| {
        let close = Close::of(rounded)?;
        Some(Close {
            exact: exact.unwrap_or(close.exact),
            ..close
        })
    };
    let unrounded = quote.unrounded;
    let same_day = latest.filter(|latest| latest.trading_day == quote.trading_day);
    let (previous_close, stored) = match quote.previous_close {
        PreviousClose::Sent(sent) => (
            close(sent, unrounded.and_then(|it| it.previous_close)),
            stored,
        ),
        PreviousClose::None => (None, None),
        // The first quote of a day determines the previous close of the whole day.
        PreviousClose::Absent => match same_day {
            Some(latest) => match latest.previous_close {
                Some(known) => (Close::of(known), stored),
                None => (None, None),
            },
            None => (None, stored),
        },
    };
    Some(ReferenceInputs {
        trading_day: quote.trading_day,
        price: close(quote.price, unrounded.map(|it| it.price))?,
        open: quote.open,
        previous_close,
        stored: stored.copied(),
    })
}

/// Converts a quote to a price that has no position in the feed yet.
fn price_of(
    quote: &Quote,
    stock_id: i64,
    reference: Option<Close>,
    provider: &str,
    feed: &FeedTransaction,
) -> Price {
    let recorded_at = feed.recorded_at();
    let market_time = || Market::of(&quote.symbol).market_time(quote.trading_day, recorded_at);
    Price {
        stock_id,
        symbol: quote.symbol.clone(),
        seq: 0,
        price: quote.price,
        previous_close: reference.map(|close| close.rounded),
        open: quote.open,
        high: quote.high,
        low: quote.low,
        volume: quote.volume,
        trading_day: quote.trading_day,
        market_time: quote.market_time.unwrap_or_else(market_time),
        market_time_sent: quote.market_time.is_some(),
        recorded_at,
        provider: provider.to_owned(),
    }
}
