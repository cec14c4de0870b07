//! The stored closes and the splits from which the previous closes of quotes are derived.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{Decimal, Split, Timestamp};
use market::Market;
use store::{candle, feed::FeedTransaction, split};

use super::current::CurrentState;
use crate::{quote::Quote, reference::trading_day_before};

/// The stored closes and the splits of the stocks of some quotes.
#[derive(Debug, Default)]
pub(super) struct Closes {
    /// The last stored close of an earlier day and its date, by stock.
    stored: HashMap<i64, (NaiveDate, Decimal)>,
    /// The splits between a quote and its previous close, by stock.
    splits: HashMap<i64, Vec<Split>>,
}

impl Closes {
    /// Reads the closes and splits for `quotes`, which have one trading day for each symbol. All
    /// earlier prices must be stored.
    pub(super) async fn load(
        feed: &FeedTransaction,
        current: &CurrentState,
        quotes: &[Quote],
    ) -> Result<Self, store::Error> {
        let days: HashMap<i64, (NaiveDate, Market)> = quotes
            .iter()
            .filter_map(|quote| {
                let stock = current.stocks.get(&quote.symbol)?;
                Some((stock.id, (quote.trading_day, Market::of(&quote.symbol))))
            })
            .collect();
        let mut loaded = Self::default();
        for (id, (day, _)) in &days {
            let latest = current.latest.get(id);
            if let Some(latest) = latest.filter(|latest| latest.trading_day < *day) {
                let close = (latest.trading_day, latest.price);
                loaded.stored.insert(*id, close);
            }
        }
        loaded.load_splits(feed, current, &days).await?;
        // After the first price of a day, the stored close matters only if there may be a split.
        let running: Vec<(i64, Timestamp)> = days
            .iter()
            .filter(|(id, _)| !loaded.stored.contains_key(id) && loaded.may_be_split(current, **id))
            .map(|(id, (day, market))| (*id, market.session(*day).start))
            .collect();
        for (id, start, close) in candle::closes_before(feed.connection(), &running).await? {
            if let Some((_, market)) = days.get(&id) {
                loaded.stored.insert(id, (market.day_of(start), close));
            }
        }
        Ok(loaded)
    }

    async fn load_splits(
        &mut self,
        feed: &FeedTransaction,
        current: &CurrentState,
        days: &HashMap<i64, (NaiveDate, Market)>,
    ) -> Result<(), store::Error> {
        let afters: HashMap<i64, NaiveDate> = days
            .iter()
            .filter(|(id, _)| current.with_splits.contains(id))
            .map(|(id, (day, _))| {
                let calendar = trading_day_before(*day);
                let stored = self.stored.get(id).map(|(day, _)| *day);
                (*id, stored.map_or(calendar, |day| day.min(calendar)))
            })
            .collect();
        let last = days.values().map(|(day, _)| *day).max();
        let (Some(first), Some(last)) = (afters.values().min(), last) else {
            return Ok(());
        };
        let ids: Vec<i64> = afters.keys().copied().collect();
        for (id, mut splits) in split::between(feed.connection(), &ids, *first, last).await? {
            // The range is that of all stocks.
            splits.retain(|split| {
                afters
                    .get(&id)
                    .is_some_and(|after| split.effective_on > *after)
                    && days
                        .get(&id)
                        .is_some_and(|(day, _)| split.effective_on <= *day)
            });
            if !splits.is_empty() {
                self.splits.insert(id, splits);
            }
        }
        Ok(())
    }

    /// The last stored close of an earlier day and its date. `None` if it is not loaded, or was
    /// forgotten.
    pub(super) fn stored(&self, stock: i64) -> Option<&(NaiveDate, Decimal)> {
        self.stored.get(&stock)
    }

    /// The splits between the quote of a stock and its previous close.
    pub(super) fn splits(&self, stock: i64) -> &[Split] {
        self.splits.get(&stock).map_or(&[], Vec::as_slice)
    }

    /// Whether a split may change the previous close of a stock.
    pub(super) fn may_be_split(&self, current: &CurrentState, stock: i64) -> bool {
        self.splits.contains_key(&stock) || current.held.contains(&stock)
    }

    /// Forgets the stored close of a stock after the first price of its day. Later prices need it
    /// only if there [may be a split](Self::may_be_split).
    pub(super) fn forget_stored(&mut self, stock: i64) {
        self.stored.remove(&stock);
    }
}
