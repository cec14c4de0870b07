//! Evaluates the quotes of a batch in their order, and stores what is new.
//!
//! Every quote is compared with the state that includes the quotes before it, so the result does
//! not depend on how quotes are cut into batches. The number of statements does not depend on the
//! number of quotes, except that everything is stored before a quote whose comparison needs more
//! than the newest price: the first quote of another trading day, and the one after a split.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use entity::{Alert, Event, Price, Stock, Symbol, table::held_price};
use market::Market;
use store::{feed::FeedTransaction, stock};

use super::{
    IngestReport, MAX_HOLD, QuoteBatch,
    closes::Closes,
    compare::{QuoteChange, classify},
    current::CurrentState,
    default_rule::{DefaultRule, EvaluatedPrice},
    details, held, inputs,
    rules::{Judgement, LiveRules},
};
use crate::{candle, quote::Quote};

/// The state of a batch in its transaction.
pub(super) struct BatchWriter<'a> {
    batch: &'a QuoteBatch,
    alert_max_age: Option<u32>,
    current: CurrentState,
    closes: Closes,
    rules: LiveRules,
    default_rule: DefaultRule,
    pending: Pending,
    committing: Committing,
}

/// What the transaction of a batch has stored.
#[derive(Default)]
pub(super) struct Committing {
    pub(super) report: IngestReport,
    pub(super) prices: Vec<Price>,
    pub(super) alerts: Vec<Alert>,
}

/// What is not stored yet.
#[derive(Default)]
struct Pending {
    prices: Vec<NewPrice>,
    alerts: Vec<Alert>,
    held: Vec<held_price::Model>,
    /// The stocks whose details changed.
    details: BTreeMap<i64, Stock>,
    /// The stocks whose next quote needs what is pending.
    blocked: HashSet<i64>,
}

/// A new price, the one before it, and its stock as of then.
struct NewPrice {
    price: Price,
    before: Option<Price>,
    stock: Stock,
}

impl<'a> BatchWriter<'a> {
    pub(super) fn new(
        batch: &'a QuoteBatch,
        alert_max_age: Option<u32>,
        current: CurrentState,
        rules: LiveRules,
    ) -> Self {
        let prices = batch.quotes.iter().filter_map(|quote| {
            let stock = current.stocks.get(&quote.symbol)?;
            Some((stock.id, quote.trading_day))
        });
        Self {
            default_rule: DefaultRule::new(rules.default_rule(), prices),
            batch,
            alert_max_age,
            current,
            closes: Closes::default(),
            rules,
            pending: Pending::default(),
            committing: Committing::default(),
        }
    }

    /// Evaluates all quotes and stores the result. The rules and the state are to be put back after
    /// the commit.
    pub(super) async fn write(
        mut self,
        feed: &mut FeedTransaction,
    ) -> Result<(LiveRules, CurrentState, Committing), store::Error> {
        let mut rest = self.batch.quotes.as_slice();
        while !rest.is_empty() {
            let quotes = of_one_day_each(rest);
            self.closes = Closes::load(feed, &self.current, quotes).await?;
            self.prepare_rules(feed, quotes).await?;
            let mut evaluated = 0;
            for quote in quotes {
                if self.is_blocked(quote) {
                    break;
                }
                self.evaluate(feed, quote).await?;
                self.rules.end_price(feed);
                evaluated += 1;
            }
            rest = &rest[evaluated..];
            self.store(feed).await?;
            if !rest.is_empty() {
                // The next comparisons read what was stored.
                feed.execute_deferred().await?;
            }
        }
        self.rules.store(feed).await?;
        Ok((self.rules, self.current, self.committing))
    }

    /// Whether what is pending must be stored before a quote.
    fn is_blocked(&self, quote: &Quote) -> bool {
        let Some(stock) = self.current.stocks.get(&quote.symbol) else {
            return false;
        };
        // After a split, rules read the latest prices again.
        let reads = quote.split.is_some();
        let pending = &self.pending;
        pending.blocked.contains(&stock.id)
            || reads && pending.prices.iter().any(|it| it.stock.id == stock.id)
    }

    async fn prepare_rules(
        &mut self,
        feed: &FeedTransaction,
        quotes: &[Quote],
    ) -> Result<(), store::Error> {
        let stocks: BTreeMap<i64, (Market, NaiveDate)> = quotes
            .iter()
            .filter_map(|quote| {
                let stock = self.current.stocks.get(&quote.symbol)?;
                Some((stock.id, (Market::of(&quote.symbol), quote.trading_day)))
            })
            .collect();
        self.rules.prepare(feed, &stocks).await
    }

    /// Compares a quote with the current state, and evaluates it if it is new.
    async fn evaluate(
        &mut self,
        feed: &mut FeedTransaction,
        quote: &Quote,
    ) -> Result<(), store::Error> {
        let (batch, current, closes) = (self.batch, &mut self.current, &mut self.closes);
        let Some(stock) = current.stocks.get_mut(&quote.symbol) else {
            return Ok(());
        };
        let id = stock.id;
        let latest = current.latest.get(&id);
        let replayed = batch.is_replayed();
        let is_folded = inputs::is_folded(quote, replayed);
        let stored = closes.stored(id);
        let Some(inputs) = inputs::reference_inputs(quote, latest, stored, is_folded) else {
            return Ok(());
        };
        let splits = closes.splits(id);
        let reference = match quote.split {
            // The provider adjusts the previous close for the splits that it reports.
            Some(_) => inputs.previous_close,
            None => inputs.reference(splits),
        };
        let mut price = inputs::price_of(quote, id, reference, batch.provider, feed);
        if is_folded {
            inputs::fold_figures(&mut price, latest);
        }
        match classify(&price, latest, replayed) {
            QuoteChange::Repeated => return Ok(()),
            QuoteChange::Older => {
                self.committing.report.older += 1;
                return Ok(());
            }
            QuoteChange::New => price.seq = feed.next_seq(),
        }
        if details::fill(stock, quote) {
            self.pending.details.insert(id, stock.clone());
        }
        if details::record_split(feed, id, quote, batch.provider).await? {
            current.with_splits.insert(id);
            self.rules.splits_changed(feed, id).await?;
            // In the shares after the split.
            let day = (Market::of(&quote.symbol), quote.trading_day);
            let stocks = BTreeMap::from([(id, day)]);
            self.rules.load_volumes(feed, &stocks).await?;
        }
        let begins_day = latest.is_none_or(|latest| latest.trading_day != quote.trading_day);
        let suspect =
            batch.reports_splits && begins_day && !is_folded && inputs.suggests_split(splits);
        let judgement = if !replayed && is_too_old(&price, self.alert_max_age) {
            Judgement::Ignored
        } else if suspect || current.held.contains(&id) {
            Judgement::Held
        } else {
            Judgement::Evaluated
        };
        let mut alerts = Vec::new();
        match judgement {
            Judgement::Ignored => {}
            Judgement::Held => {
                let until = feed.now().after(MAX_HOLD);
                self.pending.held.push(held::row(&price, &inputs, until));
                current.held.insert(id);
                self.committing.report.held += 1;
            }
            Judgement::Evaluated => {
                let evaluated = EvaluatedPrice {
                    stock_id: id,
                    symbol: &stock.symbol,
                    price: inputs.price,
                    trading_day: price.trading_day,
                    recorded_at: price.recorded_at,
                    fired_at: None,
                    replays_day: replayed && begins_day,
                };
                let alert = self.default_rule.evaluate(feed, evaluated, reference);
                alerts.extend(alert.await?);
            }
        }
        alerts.extend(self.rules.evaluate(feed, &price, judgement).await?);
        stock.alert_count += i64::try_from(alerts.len()).unwrap_or(i64::MAX);
        let stock = stock.clone();
        let is_split = quote.split.is_some() || begins_day && closes.may_be_split(current, id);
        if is_split {
            self.pending.blocked.insert(id);
        } else if begins_day {
            closes.forget_stored(id);
        }
        let before = current.latest.insert(id, price.clone());
        self.pending.alerts.extend(alerts);
        self.pending.prices.push(NewPrice {
            price,
            before,
            stock,
        });
        Ok(())
    }

    /// Stores what is pending.
    async fn store(&mut self, feed: &mut FeedTransaction) -> Result<(), store::Error> {
        let Pending {
            prices,
            mut alerts,
            held,
            details,
            blocked: _,
        } = std::mem::take(&mut self.pending);
        let details: Vec<Stock> = details.into_values().collect();
        stock::set_details(feed.connection(), &details).await?;
        let with_previous: Vec<_> = prices
            .iter()
            .map(|new| (&new.price, new.before.as_ref()))
            .collect();
        let candles = &mut self.current.candles;
        let candles = candle::updated(feed, candles, &with_previous).await?;
        let recorded: Vec<&Price> = prices.iter().map(|new| &new.price).collect();
        store::price::record(feed, &recorded, &candles).await?;
        store::held_price::add(feed.connection(), &held).await?;
        self.rules.name(feed, &mut alerts).await?;
        store::alert::record(feed.connection(), &mut alerts).await?;
        store::delivery::enqueue(feed, &alerts).await?;
        for NewPrice { price, stock, .. } in prices {
            self.committing.prices.push(price.clone());
            feed.push(Event::QuoteRecorded { price, stock });
        }
        for alert in &alerts {
            let alert = alert.clone();
            feed.push(Event::AlertFired { alert });
        }
        self.committing.alerts.extend(alerts);
        self.committing.report.prices = self.committing.prices.len();
        self.committing.report.alerts = self.committing.alerts.len();
        Ok(())
    }
}

/// Returns the first quotes, up to the first one of another trading day of its symbol.
fn of_one_day_each(quotes: &[Quote]) -> &[Quote] {
    let mut days: HashMap<&Symbol, NaiveDate> = HashMap::new();
    let end = quotes.iter().position(|quote| {
        let day = *days.entry(&quote.symbol).or_insert(quote.trading_day);
        day != quote.trading_day
    });
    &quotes[..end.unwrap_or(quotes.len())]
}

/// Whether a price is too many sessions old to fire alerts.
fn is_too_old(price: &Price, alert_max_age: Option<u32>) -> bool {
    let market = Market::of(&price.symbol);
    let last = market.last_session(price.recorded_at);
    alert_max_age.is_some_and(|sessions| market.is_behind(price.trading_day, last, sessions))
}
