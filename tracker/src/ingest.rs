//! Stores what providers answered: prices, the latest quotes, the alerts they cause and the feed entry that tells of
//! them, in one transaction.
//!
//! One invariant: what is not committed did not happen, and what happened is told. Repeats and latecomers are found by
//! comparison with the newest stored quote under the feed's lock, so it matters neither who polls nor how often.

mod compare;
mod load;
mod write;

use std::time::Instant;

use entity::{Alert, AlertKind, Event, Price, Stock, Symbol, table::alert_rule};
use runtime::metric::TrackerMetrics;
use sea_orm::DbErr;
use store::{Store, feed::FeedTransaction};

use self::{
    compare::{Verdict, judge},
    load::Known,
};
use crate::{
    alert::percent_change,
    candle, market,
    quote::{PreviousClose, Quote},
    schedule::is_dead,
};

/// What one poll brought, at most one quote a symbol.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Who answered.
    pub provider: &'static str,
    /// The quotes.
    pub quotes: Vec<Quote>,
    /// Symbols that were answered for without a price.
    pub quoteless: Vec<Symbol>,
    /// Symbols that are known to exist, though nothing was asked for.
    pub confirmed: Vec<Symbol>,
    /// A stock to track, with the name to give it, now that it turned out to exist.
    pub track: Option<(Symbol, Option<String>)>,
    /// Where a replay goes on, stored with its prices.
    pub position: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Prices that were new and are stored.
    pub prices: usize,
    /// Alerts that fired.
    pub alerts: usize,
    /// Quotes older than what is stored, which were dropped.
    pub older: usize,
}

/// Stores quotes; cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    metrics: TrackerMetrics,
}

impl Ingest {
    /// Stores into `store`.
    pub fn new(store: Store, metrics: TrackerMetrics) -> Self {
        Self { store, metrics }
    }

    /// Stores what a poll brought. After an error nothing of it is stored.
    #[tracing::instrument(level = "debug", skip_all, fields(provider = answers.provider))]
    pub async fn ingest(&self, answers: Answers) -> Result<Ingested, DbErr> {
        let started = Instant::now();
        let mut feed = FeedTransaction::begin(&self.store).await?;
        if let Some((symbol, name)) = &answers.track {
            store::stock::track(&mut feed, symbol, name.clone()).await?;
        }
        let quoted = answers.quotes.iter().map(|quote| &quote.symbol);
        let unquoted = answers.quoteless.iter().chain(&answers.confirmed);
        let mut known = Known::load(&feed, quoted.chain(unquoted).collect()).await?;
        let ids: Vec<i64> = known.stocks.values().map(|stock| stock.id).collect();
        write::answered(&feed, &ids).await?;
        let with_price = known.of(answers.quotes.iter().map(|quote| &quote.symbol));
        let without_price = known.of(&answers.quoteless);
        write::unpriced_answers(&feed, &with_price, &without_price).await?;
        let mut ingested = Ingested::default();
        let mut happened = Vec::new();
        for quote in &answers.quotes {
            let Some(stock) = known.stocks.get_mut(&quote.symbol) else {
                continue;
            };
            let newest = known.newest.get(&stock.id);
            let mut price = recordable(quote, stock.id, newest, answers.provider, &feed);
            match judge(&price, newest) {
                Verdict::Repeated => continue,
                Verdict::Older => {
                    ingested.older += 1;
                    continue;
                }
                Verdict::New => price.seq = feed.next_seq(),
            }
            write::details(&feed, stock, quote).await?;
            let alert = fire(&mut feed, known.rule.as_ref(), &price).await?;
            stock.answered_at = Some(feed.now());
            stock.unpriced_answers = 0;
            stock.alert_count += i64::from(alert.is_some());
            happened.push((price, stock.clone(), alert));
        }
        let prices: Vec<Price> = happened.iter().map(|(price, ..)| price.clone()).collect();
        store::price::record(&feed, &prices).await?;
        let befores = prices.iter().map(|price| known.newest.get(&price.stock_id));
        candle::record(feed.connection(), prices.iter().zip(befores)).await?;
        ingested.prices = prices.len();
        let mut fired = Vec::new();
        for (price, stock, alert) in happened {
            feed.push(Event::QuoteRecorded { price, stock });
            if let Some(alert) = alert {
                fired.push(alert.clone());
                feed.push(Event::AlertFired { alert });
            }
        }
        ingested.alerts = fired.len();
        if let Some(position) = &answers.position {
            write::replay_position(&feed, answers.provider, position).await?;
        }
        feed.commit().await?;
        self.observe(&ingested, started);
        tell(&prices, &fired);
        if answers.position.is_none() {
            log_unpriced(answers.provider, &with_price, &without_price);
        }
        Ok(ingested)
    }

    fn observe(&self, ingested: &Ingested, started: Instant) {
        self.metrics
            .batch_ingested(ingested.prices, started.elapsed());
        for _ in 0..ingested.alerts {
            self.metrics.alert_triggered(AlertKind::PercentChange);
        }
    }
}

/// Logs what was committed.
fn tell(prices: &[Price], fired: &[Alert]) {
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

/// Logs which symbols are polled less often as they have no price, and which no longer are.
fn log_unpriced(provider: &str, priced: &[Stock], unpriced: &[Stock]) {
    for Stock { symbol, .. } in priced.iter().filter(|it| is_dead(it.unpriced_answers)) {
        tracing::info!(provider, %symbol, "the symbol has a price again: polled as planned");
    }
    for stock in unpriced {
        let (symbol, answers) = (&stock.symbol, stock.unpriced_answers + 1);
        if is_dead(answers) && !is_dead(stock.unpriced_answers) {
            tracing::warn!(provider, %symbol, answers, "no price for the symbol: polled hourly, later daily");
        }
    }
}

/// A quote as it would be stored, but for its place in the feed.
fn recordable(
    quote: &Quote,
    stock_id: i64,
    newest: Option<&Price>,
    provider: &str,
    feed: &FeedTransaction,
) -> Price {
    let recorded_at = feed.recorded_at();
    let close = || market::session_close(quote.trading_day).min(recorded_at);
    Price {
        stock_id,
        symbol: quote.symbol.clone(),
        seq: 0,
        price: quote.price,
        previous_close: match quote.previous_close {
            PreviousClose::Sent(close) => Some(close),
            PreviousClose::None => None,
            // Within a day the first quote has settled it; a new day's is what the day before ended with.
            PreviousClose::Absent => newest.and_then(|newest| {
                let new_day = newest.trading_day < quote.trading_day;
                if new_day {
                    Some(newest.price)
                } else {
                    newest.previous_close
                }
            }),
        },
        open: quote.open,
        high: quote.high,
        low: quote.low,
        volume: quote.volume,
        trading_day: quote.trading_day,
        market_time: quote.market_time.unwrap_or_else(close),
        market_time_sent: quote.market_time.is_some(),
        recorded_at,
        provider: provider.to_owned(),
    }
}

/// Stores the alert that a price causes, if it causes one that has not fired yet.
async fn fire(
    feed: &mut FeedTransaction,
    rule: Option<&alert_rule::Model>,
    price: &Price,
) -> Result<Option<Alert>, DbErr> {
    let (Some(rule), Some(reference)) = (rule, price.previous_close) else {
        return Ok(None);
    };
    let Some(firing) = percent_change(price.price, reference, rule.threshold) else {
        return Ok(None);
    };
    let mut alert = Alert {
        id: 0,
        stock_id: price.stock_id,
        symbol: price.symbol.clone(),
        seq: 0,
        rule_id: Some(rule.id),
        kind: AlertKind::PercentChange,
        direction: firing.direction,
        price: price.price,
        reference_price: Some(reference),
        change_percent: firing.change_percent,
        threshold: firing.multiple,
        trading_day: price.trading_day,
        triggered_at: price.recorded_at,
        acknowledged_at: None,
    };
    let highest = load::highest_fired(feed, &alert).await?;
    if highest.is_some_and(|highest| alert.threshold <= highest) {
        return Ok(None);
    }
    alert.seq = feed.next_seq();
    alert.id = write::alert(feed, &alert).await?;
    Ok(Some(alert))
}
