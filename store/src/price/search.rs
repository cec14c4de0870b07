//! Reads an end of stocks' prices.
//!
//! One invariant: for each stock the rows that come first are found in ranges of the key, and no more are read than are
//! asked for: on SQLite in its one table at once, on PostgreSQL month by month ([`super::window`]). The latest price of a
//! stock is found even if retention has dropped all of them.

use std::collections::HashSet;

use entity::{Price, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult};

use super::{
    last_left,
    reach::Reach,
    window::{Extent, Window},
};
use crate::{page, sql::Sql};

/// A stock's extent, with one of its prices if one was found.
#[derive(Debug, FromQueryResult)]
struct Found {
    of_stock: i64,
    begins_at: Timestamp,
    newest_at: Timestamp,
    #[sea_orm(nested)]
    price: Option<Price>,
}

/// What is searched for: of each stock the first `wanted` prices within `reach`, counted from its oldest or its newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    pub(super) stocks: &'a [i64],
    pub(super) reach: Reach,
    pub(super) wanted: u64,
    pub(super) oldest_first: bool,
}

impl Search<'_> {
    /// The prices, in no order. What is newest is looked for around `now` first.
    pub(super) async fn read(
        self,
        connection: &impl ConnectionTrait,
        now: Timestamp,
    ) -> Result<Vec<Price>, DbErr> {
        let mut prices = if connection.get_database_backend() == DbBackend::Sqlite {
            let bounds = |sql| self.reach.conditions(sql);
            let (stocks, wanted) = (self.stocks, self.wanted);
            page::read_each(
                connection,
                "stock_prices",
                self.order(),
                stocks,
                wanted,
                bounds,
            )
            .await?
        } else {
            self.read_months(connection, now).await?
        };
        let found: HashSet<i64> = prices.iter().map(|it: &Price| it.stock_id).collect();
        let bare = self.stocks.iter().filter(|id| !found.contains(id));
        let bare: Vec<i64> = bare.copied().collect();
        if !bare.is_empty() {
            let left = last_left(connection, &bare).await?;
            prices.extend(left.into_iter().filter(|price| self.reach.has(price)));
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
    ) -> Result<Vec<Price>, DbErr> {
        let mut stocks = self.stocks.to_vec();
        let mut prices = Vec::new();
        let mut next = if self.oldest_first {
            let begins_at = match self.reach.earliest() {
                Some(earliest) => Some(earliest),
                None => self.oldest(connection).await?,
            };
            begins_at.map(Window::forward)
        } else {
            let latest = self.reach.latest();
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
                        window.after(self.reach.latest(), extent)
                    } else {
                        window.before(self.reach.earliest(), extent)
                    }
                });
        }
        Ok(prices)
    }

    /// When the first of all these prices was recorded, or before.
    async fn oldest(self, connection: &impl ConnectionTrait) -> Result<Option<Timestamp>, DbErr> {
        #[derive(FromQueryResult)]
        struct Oldest {
            begins_at: Option<Timestamp>,
        }
        let text = "SELECT MIN(begins_at) AS begins_at FROM quotes WHERE stock_id";
        let sql = Sql::new(connection, text).is_any(self.stocks);
        let oldest = Oldest::find_by_statement(sql.statement());
        Ok(oldest.one(connection).await?.and_then(|row| row.begins_at))
    }

    /// The prices in these months; a stock without any comes alone.
    async fn find(
        self,
        connection: &impl ConnectionTrait,
        stocks: &[i64],
        window: Window,
    ) -> Result<Vec<Found>, DbErr> {
        let text = "SELECT quotes.stock_id AS of_stock, quotes.begins_at, quotes.recorded_at AS newest_at, \
                    stocks.symbol, prices.* \
                    FROM quotes JOIN stocks ON stocks.id = quotes.stock_id LEFT JOIN LATERAL \
                    (SELECT * FROM stock_prices WHERE stock_id = quotes.stock_id";
        let sql = Sql::new(connection, text).push(&window.condition());
        let sql = self.reach.conditions(sql).push(&format!(
            " ORDER BY {} LIMIT {}) AS prices ON true WHERE quotes.stock_id",
            self.order(),
            self.wanted
        ));
        Found::find_by_statement(sql.is_any(stocks).statement())
            .all(connection)
            .await
    }

    /// The stocks that may have more of the wanted prices in other months.
    fn unfinished(self, found: &[Found], window: Window) -> Vec<(i64, Extent)> {
        let mut counted: Vec<(i64, Extent, u64)> = Vec::new();
        for row in found {
            let more = u64::from(row.price.is_some());
            match counted.last_mut() {
                // A stock's rows come together.
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
                !over && *count < self.wanted
            })
            .map(|(stock, extent, _)| (stock, extent))
            .collect()
    }
}
