//! One pass of a plan over memory, and the rows that it needs from the database.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use async_graphql::Variables;
use entity::{Alert, Price, Stock, Timestamp};
use futures_util::future::try_join_all;
use parking_lot::RwLockReadGuard;
use store::{alert::AlertFilter, candle::CandleRange, page::Page, price::Recorded};

use super::Unplanned;
use crate::{
    graphql::loader::{Batcher, CandlesOf, ServiceLoader, alerts, history},
    quote_board::{BoardState, Reading},
    service::{CandleDetails, Condition, Error, PageArgs, Service, Staleness},
};

/// One pass of a plan. It holds the quote board's lock.
pub(in crate::graphql) struct Run<'a> {
    service: &'a Service,
    board: RwLockReadGuard<'a, BoardState>,
    /// Whether the board is as new as the database.
    is_current: bool,
    variables: &'a Variables,
    loaded: &'a Loaded,
    needs: RefCell<Vec<Need>>,
}

/// Something that the quote board does not contain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Need {
    /// A page of a stock's prices.
    History {
        stock: i64,
        recorded: Recorded,
        args: PageArgs,
    },
    /// A page of alerts.
    Alerts { filter: AlertFilter, args: PageArgs },
    /// Candles of a stock.
    Candles { stock: i64, range: CandleRange },
    /// The inputs to the condition of stocks.
    Staleness,
    /// The number of all alerts.
    AlertCount,
    /// The number of alerts of a rule.
    AlertCountOfRule(i64),
}

/// What earlier passes needed.
#[derive(Default)]
pub(in crate::graphql) struct Loaded(HashMap<Need, LoadedValue>);

enum LoadedValue {
    Prices(Page<Price>),
    Alerts(Page<Alert>),
    Candles(Vec<CandleDetails>),
    Staleness(Staleness),
    Count(i64),
}

/// Declares a method that returns a loaded value of one type.
macro_rules! loaded {
    ($method:ident, $variant:ident -> $value:ty) => {
        fn $method(&self, need: Need) -> Option<&$value> {
            match self.loaded.0.get(&need) {
                Some(LoadedValue::$variant(value)) => Some(value),
                _ => {
                    self.needs.borrow_mut().push(need);
                    None
                }
            }
        }
    };
}

impl<'a> Run<'a> {
    pub(super) fn new(service: &'a Service, variables: &'a Variables, loaded: &'a Loaded) -> Self {
        Self {
            service,
            board: service.board(),
            is_current: service.is_current(),
            variables,
            loaded,
            needs: RefCell::default(),
        }
    }

    /// What the pass needed and did not find.
    pub(super) fn into_needs(self) -> Vec<Need> {
        self.needs.into_inner()
    }

    loaded!(loaded_prices, Prices -> Page<Price>);
    loaded!(loaded_alerts, Alerts -> Page<Alert>);
    loaded!(loaded_candles, Candles -> Vec<CandleDetails>);
    loaded!(loaded_staleness, Staleness -> Staleness);
    loaded!(loaded_count, Count -> i64);

    pub(super) fn variables(&self) -> &Variables {
        self.variables
    }

    /// The quote board.
    pub(in crate::graphql) fn board(&self) -> &BoardState {
        &self.board
    }

    /// The current time.
    pub(in crate::graphql) fn now(&self) -> Timestamp {
        self.service.now()
    }

    pub(super) fn service(&self) -> &Service {
        self.service
    }

    /// The cursor of a position in the feed.
    pub(in crate::graphql) fn cursor(&self, seq: i64, recorded_at: Timestamp) -> String {
        self.service.cursor(seq, recorded_at)
    }

    /// Returns a page of a stock's prices, newest first, or `None` if it is not loaded yet.
    pub(in crate::graphql) fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        args: &PageArgs,
    ) -> Result<Option<Page<&Price>>, Unplanned> {
        let span = self.service.feed_span(args, recorded)?;
        if self.is_current
            && let Some(page) = self.board.history(stock, recorded, &span, Reading::Current)
        {
            return Ok(Some(page));
        }
        let page = self.loaded_prices(Need::History {
            stock,
            recorded,
            args: args.clone(),
        });
        Ok(page.map(borrowed))
    }

    /// Returns a page of alerts, newest first, or `None` if it is not loaded yet.
    pub(in crate::graphql) fn alerts(
        &self,
        filter: AlertFilter,
        args: &PageArgs,
    ) -> Result<Option<Page<&Alert>>, Unplanned> {
        let all = Recorded::default();
        let span = self.service.feed_span(args, all)?;
        if self.is_current
            && let Some(page) = self.board.alerts(filter, all, &span, Reading::Current)
        {
            return Ok(Some(page));
        }
        let page = self.loaded_alerts(Need::Alerts {
            filter,
            args: args.clone(),
        });
        Ok(page.map(borrowed))
    }

    /// Returns candles of a stock, or `None` if they are not loaded yet.
    pub(in crate::graphql) fn candles(
        &self,
        stock: i64,
        range: CandleRange,
    ) -> Option<&[CandleDetails]> {
        let candles = self.loaded_candles(Need::Candles { stock, range });
        candles.map(Vec::as_slice)
    }

    /// Returns the condition of a stock, or `None` if its inputs are not loaded yet.
    pub(in crate::graphql) fn condition(&self, stock: &Stock) -> Option<Condition> {
        let staleness = self.loaded_staleness(Need::Staleness)?;
        Some(staleness.of(stock, self.board.latest_price(stock.id)))
    }

    /// Returns the number of all alerts, or of those of a rule, or `None` if it is not loaded yet.
    pub(in crate::graphql) fn alert_count(&self, rule: Option<i64>) -> Option<i64> {
        match rule {
            None if self.is_current => Some(self.board.alert_count()),
            None => self.loaded_count(Need::AlertCount).copied(),
            Some(rule) => self.loaded_count(Need::AlertCountOfRule(rule)).copied(),
        }
    }
}

/// A page that borrows the rows of another.
fn borrowed<T>(page: &Page<T>) -> Page<&T> {
    Page {
        rows: page.rows.iter().collect(),
        has_next: page.has_next,
        has_previous: page.has_previous,
    }
}

impl Loaded {
    /// Loads what a pass needed, in batches.
    pub(super) async fn load(
        &mut self,
        needs: Vec<Need>,
        service: &Service,
        batcher: &Batcher<ServiceLoader>,
    ) -> Result<(), Arc<Error>> {
        let loads = needs.into_iter().map(async |need| {
            let value = load(&need, service, batcher).await?;
            Ok::<_, Arc<Error>>((need, value))
        });
        self.0.extend(try_join_all(loads).await?);
        Ok(())
    }
}

async fn load(
    need: &Need,
    service: &Service,
    batcher: &Batcher<ServiceLoader>,
) -> Result<LoadedValue, Arc<Error>> {
    Ok(match need {
        Need::History {
            stock,
            recorded,
            args,
        } => LoadedValue::Prices(history(service, batcher, *stock, *recorded, args).await?),
        Need::Alerts { filter, args } => {
            LoadedValue::Alerts(alerts(service, batcher, *filter, args).await?)
        }
        Need::Candles { stock, range } => {
            let (stock, range) = (*stock, *range);
            let candles = batcher.load_one(CandlesOf { stock, range }).await?;
            LoadedValue::Candles(candles.unwrap_or_default())
        }
        Need::Staleness => LoadedValue::Staleness(service.staleness().await?),
        Need::AlertCount => LoadedValue::Count(service.alert_count().await?),
        Need::AlertCountOfRule(rule) => {
            LoadedValue::Count(service.alert_count_of_rule(*rule).await?)
        }
    })
}
