//! Stores what providers answered: prices, the latest quotes, the alerts they cause and the feed entry that tells of
//! them, in one transaction.
//!
//! One invariant: what is not committed did not happen, and what happened is told. Repeats and latecomers are found by
//! comparison with the newest stored quote under the feed's lock, so it matters neither who polls nor how often.

mod compare;
mod load;
mod write;

use std::time::{Duration, Instant};

use crate::metrics::TrackerMetrics;
use chrono::NaiveDate;
use entity::{
    Alert, AlertKind, Decimal, Event, Price, Ratio, Split, Stock, Symbol, Timestamp,
    table::alert_rule,
};
use market::{Market, is_unpriced};
use sea_orm::DbErr;
use store::{Store, feed::FeedTransaction, held, split};

use self::{
    compare::{Verdict, judge},
    load::Known,
};
use crate::{
    alert::percent_change,
    candle,
    quote::{PreviousClose, Quote},
    reference::{Close, Sample},
};

/// How long prices are held from alerts at the most while their stock's splits are asked for.
const HOLD: Duration = Duration::from_mins(1);

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
    /// The position that must be stored for these answers to be stored ([`crate::provider::Poll::follows`]).
    pub follows: Option<String>,
    /// Whether a provider can be asked for splits, so that a price that suggests an unknown one is held from alerts.
    pub splits_can_be_asked: bool,
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
    /// Nothing was stored: another tracker has replayed on meanwhile.
    pub superseded: bool,
    /// Prices that were stored and are held from alerts.
    pub held: usize,
}

/// Stores quotes; cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    metrics: TrackerMetrics,
    alert_max_age: Option<u32>,
}

impl Ingest {
    /// Stores into `store`.
    pub fn new(store: Store, metrics: TrackerMetrics) -> Self {
        Self {
            store,
            metrics,
            alert_max_age: None,
        }
    }

    /// Lets no live quote fire alerts that is more than this many sessions before the last one. Without
    /// a limit, quotes of any age do.
    #[must_use]
    pub fn with_alert_max_age(mut self, sessions: Option<u32>) -> Self {
        self.alert_max_age = sessions;
        self
    }

    /// Stores what a poll brought. After an error nothing of it is stored.
    #[tracing::instrument(level = "debug", skip_all, fields(provider = answers.provider))]
    pub async fn ingest(&self, answers: Answers) -> Result<Ingested, DbErr> {
        let started = Instant::now();
        let mut feed = FeedTransaction::begin(&self.store).await?;
        // A replay stores its position with its prices; its days have their own time.
        let replayed = answers.position.is_some();
        if replayed && load::position(&feed, answers.provider).await? != answers.follows {
            return Ok(Ingested {
                superseded: true,
                ..Ingested::default()
            });
        }
        if let Some((symbol, name)) = &answers.track {
            store::stock::track(&mut feed, symbol, name.clone()).await?;
        }
        let unquoted = answers.quoteless.iter().chain(&answers.confirmed);
        let mut known = Known::load(&feed, &answers.quotes, unquoted).await?;
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
            let Some(sample) = sample(quote, newest, known.closes.get(&stock.id)) else {
                continue;
            };
            let splits = known.splits.get(&stock.id).map_or(&[][..], Vec::as_slice);
            let reference = match quote.split {
                // The provider adjusts for the splits that it reports.
                Some(_) => sample.previous_close,
                None => sample.reference(splits),
            };
            let mut price = recordable(quote, stock.id, reference, answers.provider, &feed);
            match judge(&price, newest, replayed) {
                Verdict::Repeated => continue,
                Verdict::Older => {
                    ingested.older += 1;
                    continue;
                }
                Verdict::New => price.seq = feed.next_seq(),
            }
            write::details(&feed, stock, quote).await?;
            write::split(&feed, stock.id, quote, answers.provider).await?;
            let begins_day = newest.is_none_or(|newest| newest.trading_day != quote.trading_day);
            let suspect =
                answers.splits_can_be_asked && begins_day && sample.suggests_split(splits);
            let alert = if !replayed && self.is_too_old(&price) {
                None
            } else if suspect || known.held.contains(&stock.id) {
                write::held(&feed, &price, &sample, feed.now().after(HOLD)).await?;
                ingested.held += 1;
                None
            } else {
                let cause = Cause {
                    stock_id: stock.id,
                    symbol: &stock.symbol,
                    price: sample.price,
                    trading_day: price.trading_day,
                    recorded_at: price.recorded_at,
                    fired_at: None,
                    replays_day: replayed && begins_day,
                };
                fire(&mut feed, known.rule.as_ref(), cause, reference).await?
            };
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

    /// Whether a price is of too old a session to fire alerts.
    fn is_too_old(&self, price: &Price) -> bool {
        let market = Market::of(&price.symbol);
        let last = market.last_session(price.recorded_at);
        self.alert_max_age
            .is_some_and(|sessions| market.is_behind(price.trading_day, last, sessions))
    }

    /// Stores the splits of a stock as a provider reported them, if it did, and evaluates the stock's held prices in
    /// feed order. Their alerts fire now, at the feed's end. After an error nothing of it is stored. Returns the number
    /// of alerts.
    pub async fn release(
        &self,
        stock_id: i64,
        reported: Option<(&str, &[Split])>,
    ) -> Result<usize, DbErr> {
        let mut feed = FeedTransaction::begin(&self.store).await?;
        if let Some((source, splits)) = reported {
            let now = feed.recorded_at();
            split::record(feed.connection(), stock_id, splits, source, now).await?;
        }
        let prices = held::of(feed.connection(), stock_id).await?;
        let stock = store::stock::by_ids(feed.connection(), &[stock_id]).await?;
        let mut fired = Vec::new();
        if let Some(stock) = stock.into_iter().next().filter(|_| !prices.is_empty()) {
            let rule = load::default_rule(&feed).await?;
            let splits = load::splits_of(&feed, stock_id, &prices).await?;
            for price in &prices {
                let Some(sample) = Sample::of_held(price) else {
                    continue;
                };
                let cause = Cause {
                    stock_id,
                    symbol: &stock.symbol,
                    price: sample.price,
                    trading_day: price.trading_day,
                    recorded_at: price.recorded_at,
                    fired_at: Some(feed.recorded_at()),
                    replays_day: false,
                };
                let reference = sample.reference(&splits);
                let alert = fire(&mut feed, rule.as_ref(), cause, reference).await?;
                fired.extend(alert);
            }
            held::release(feed.connection(), stock_id).await?;
            for alert in &fired {
                let alert = alert.clone();
                feed.push(Event::AlertFired { alert });
            }
            if !fired.is_empty() {
                store::stock::publish(&mut feed, stock_id).await?;
            }
        }
        feed.commit().await?;
        for _ in &fired {
            self.metrics.alert_triggered(AlertKind::PercentChange);
        }
        tell(&[], &fired);
        Ok(fired.len())
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
    for Stock { symbol, .. } in priced.iter().filter(|it| is_unpriced(it.unpriced_answers)) {
        tracing::info!(provider, %symbol, "the symbol has a price again: polled as planned");
    }
    for stock in unpriced {
        let (symbol, answers) = (&stock.symbol, stock.unpriced_answers + 1);
        if is_unpriced(answers) && !is_unpriced(stock.unpriced_answers) {
            tracing::warn!(provider, %symbol, answers, "no price for the symbol: polled hourly, later daily");
        }
    }
}

/// What a quote is evaluated by. `None` for a price of 0, which no provider quotes.
fn sample(
    quote: &Quote,
    newest: Option<&Price>,
    stored: Option<&(NaiveDate, Decimal)>,
) -> Option<Sample> {
    let close = |rounded: Decimal, exact: Option<Ratio>| {
        let close = Close::of(rounded)?;
        Some(Close {
            exact: exact.unwrap_or(close.exact),
            ..close
        })
    };
    let unrounded = quote.unrounded;
    let running = newest.filter(|newest| newest.trading_day == quote.trading_day);
    let (previous_close, stored) = match quote.previous_close {
        PreviousClose::Sent(sent) => (
            close(sent, unrounded.and_then(|it| it.previous_close)),
            stored,
        ),
        PreviousClose::None => (None, None),
        // Within a day the first quote has decided; a new day's is what the day before ended with.
        PreviousClose::Absent => match running {
            Some(newest) => match newest.previous_close {
                Some(known) => (Close::of(known), stored),
                None => (None, None),
            },
            None => (None, stored),
        },
    };
    Some(Sample {
        trading_day: quote.trading_day,
        price: close(quote.price, unrounded.map(|it| it.price))?,
        open: quote.open,
        previous_close,
        stored: stored.copied(),
    })
}

/// A quote as it would be stored, but for its place in the feed.
fn recordable(
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

/// A stored price that may fire an alert.
struct Cause<'a> {
    stock_id: i64,
    symbol: &'a Symbol,
    price: Close,
    trading_day: NaiveDate,
    recorded_at: Timestamp,
    /// When the alert fires, if the price was held.
    fired_at: Option<Timestamp>,
    /// Whether it begins a day of a replay.
    replays_day: bool,
}

/// Stores the alert that a price causes, if it causes one that has not fired yet.
async fn fire(
    feed: &mut FeedTransaction,
    rule: Option<&alert_rule::Model>,
    cause: Cause<'_>,
    reference: Option<Close>,
) -> Result<Option<Alert>, DbErr> {
    let (Some(rule), Some(reference)) = (rule, reference) else {
        return Ok(None);
    };
    let Some(firing) = percent_change(cause.price.exact, reference.exact, rule.threshold) else {
        return Ok(None);
    };
    let mut alert = Alert {
        id: 0,
        stock_id: cause.stock_id,
        symbol: cause.symbol.clone(),
        seq: 0,
        rule_id: Some(rule.id),
        kind: AlertKind::PercentChange,
        direction: firing.direction,
        price: cause.price.rounded,
        reference_price: Some(reference.rounded),
        change_percent: firing.change_percent,
        threshold: firing.multiple,
        trading_day: cause.trading_day,
        triggered_at: cause.recorded_at,
        acknowledged_at: None,
        fired_at: cause.fired_at,
    };
    // A day that only begins has alerts if a replay has told it before, in the years before it restarted.
    if cause.replays_day {
        write::detach_alerts(feed, &alert).await?;
    }
    let highest = load::highest_fired(feed, &alert).await?;
    if highest.is_some_and(|highest| alert.threshold <= highest) {
        return Ok(None);
    }
    alert.seq = feed.next_seq();
    alert.id = write::alert(feed, &alert).await?;
    Ok(Some(alert))
}
