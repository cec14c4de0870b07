//! Finds the first or last prices of stocks.
//!
//! For each stock, the rows are found in ranges of the key, and no more rows are read than
//! requested: on SQLite in its single table at once, on PostgreSQL month by month
//! ([`super::window()`]). The latest price of a stock is found even if retention deleted all of its
//! prices.

use std::collections::HashSet;

use entity::{Price, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};

use super::{
    latest_if_pruned,
    range::PriceRange,
    window::{Extent, Window},
};
use crate::{Error, page, sql::Sql};

/// The extent of a stock's prices, and one of the prices if found.
#[derive(Debug, FromQueryResult)]
struct Found {
    of_stock: i64,
    begins_at: Timestamp,
    newest_at: Timestamp,
    #[sea_orm(nested)]
    price: Option<Price>,
}

/// A search for the first `count` prices of each stock within `range`, counted from its oldest or
/// its newest price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub(super) stocks: &'a [i64],
    pub(super) range: PriceRange,
    pub(super) count: u64,
    pub(super) oldest_first: bool,
}

impl Search<'_> {
    /// Returns the prices in unspecified order. The newest are searched around `now` first.
    pub(super) async fn read(
        self,
        connection: &impl ConnectionTrait,
        now: Timestamp,
    ) -> Result<Vec<Price>, Error> {
        let mut prices = if connection.get_database_backend() == DbBackend::Sqlite {
            let bounds = |sql| self.range.conditions(sql);
            let (stocks, count) = (self.stocks, self.count);
            page::read_each(
                connection,
                "stock_prices",
                self.order(),
                stocks,
                count,
                bounds,
            )
            .await?
        } else {
            self.read_months(connection, now).await?
        };
        let found: HashSet<i64> = prices.iter().map(|it: &Price| it.stock_id).collect();
        let missing = self.stocks.iter().filter(|id| !found.contains(id));
        let missing: Vec<i64> = missing.copied().collect();
        if !missing.is_empty() {
            let pruned = latest_if_pruned(connection, &missing).await?;
            prices.extend(
                pruned
                    .into_iter()
                    .filter(|price| self.range.contains(price)),
            );
        }
        Ok(prices)
    }

    fn order(self) -> &'static str {
        if self.oldest_first {
            "recorded_at, seq"
        } else {
            "recorded_at DESC, seq DESC"
        }
    }

    async fn read_months(
        self,
        connection: &impl ConnectionTrait,
        now: Timestamp,
    ) -> Result<Vec<Price>, Error> {
        let mut stocks = self.stocks.to_vec();
        let mut prices = Vec::new();
        let mut next = if self.oldest_first {
            let begins_at = match self.range.earliest() {
                Some(earliest) => Some(earliest),
                None => self.oldest(connection).await?,
            };
            begins_at.map(Window::forward)
        } else {
            let latest = self.range.latest();
            Some(Window::backward(latest, now))
        };
        while let Some(window) = next {
            let found = self.find(connection, &stocks, window).await?;
            let unfinished = self.unfinished(&found, window);
            stocks = unfinished.iter().map(|(stock, _)| *stock).collect();
            prices.extend(found.into_iter().filter_map(|found| found.price));
            next = unfinished
                .into_iter()
                .map(|(_, extent)| extent)
                .reduce(|a, b| Extent {
                    begins_at: a.begins_at.min(b.begins_at),
                    newest_at: a.newest_at.max(b.newest_at),
                })
                .and_then(|extent| {
                    if self.oldest_first {
                        window.after(self.range.latest(), extent)
                    } else {
                        window.before(self.range.earliest(), extent)
                    }
                });
        }
        Ok(prices)
    }

    /// A lower bound for the time of recording of all these prices.
    async fn oldest(self, connection: &impl ConnectionTrait) -> Result<Option<Timestamp>, Error> {
        #[derive(FromQueryResult)]
        struct Oldest {
            begins_at: Option<Timestamp>,
        }
        let text = "SELECT MIN(begins_at) AS begins_at FROM quotes WHERE stock_id";
        let sql = Sql::new(connection, text).eq_any(self.stocks);
        let oldest = Oldest::find_by_statement(sql.statement());
        Ok(oldest.one(connection).await?.and_then(|row| row.begins_at))
    }

    /// Returns the prices in these months. A stock without prices has one row, without a price.
    async fn find(
        self,
        connection: &impl ConnectionTrait,
        stocks: &[i64],
        window: Window,
    ) -> Result<Vec<Found>, Error> {
        let text = "SELECT quotes.stock_id AS of_stock, quotes.begins_at, quotes.recorded_at AS newest_at, \
                    stocks.symbol, prices.* \
                    FROM quotes JOIN stocks ON stocks.id = quotes.stock_id LEFT JOIN LATERAL \
                    (SELECT * FROM stock_prices WHERE stock_id = quotes.stock_id";
        let sql = Sql::new(connection, text).push(&window.condition());
        let sql = self.range.conditions(sql).push(&format!(
            " ORDER BY {} LIMIT {}) AS prices ON true WHERE quotes.stock_id",
            self.order(),
            self.count
        ));
        Ok(Found::find_by_statement(sql.eq_any(stocks).statement())
            .all(connection)
            .await?)
    }

    /// Returns the stocks that may have more matching prices in other months.
    fn unfinished(self, found: &[Found], window: Window) -> Vec<(i64, Extent)> {
        let mut counted: Vec<(i64, Extent, u64)> = Vec::new();
        for row in found {
            let more = u64::from(row.price.is_some());
            match counted.last_mut() {
                // Rows of a stock are adjacent.
                Some((stock, _, count)) if *stock == row.of_stock => *count += more,
                _ => {
                    let extent = Extent {
                        begins_at: row.begins_at,
                        newest_at: row.newest_at,
                    };
                    counted.push((row.of_stock, extent, more));
                }
            }
        }
        counted
            .into_iter()
            .filter(|(_, extent, count)| {
                let over = if self.oldest_first {
                    window.reaches_up_to(extent.newest_at)
                } else {
                    window.reaches_back_to(extent.begins_at)
                };
                !over && *count < self.count
            })
            .map(|(stock, extent, _)| (stock, extent))
            .collect()
    }
}
