//! Pages of stocks' prices, newest first. What is newest is looked for around `now` first; it is found in any case.

use std::collections::HashMap;

use entity::{Price, Timestamp};
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    PriceKey, Recorded,
    reach::{Edge, Reach},
    search::Search,
};
use crate::page::{self, Page, Span};

/// A page of a stock's prices, newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stock: i64,
    recorded: Recorded,
    span: &Span<PriceKey>,
) -> Result<Page<Price>, DbErr> {
    let all = Reach {
        recorded,
        ..Reach::default()
    };
    let search = Search {
        stocks: &[stock],
        // What follows in the list is older.
        reach: Reach {
            high: span.after.map(Edge::beside),
            low: span.before.map(Edge::beside),
            ..all
        },
        wanted: u64::from(span.limit) + 1,
        oldest_first: span.from_end,
    };
    let rows = search.read(connection, now).await?;
    let mut pages = pages(rows, search.stocks, span.limit, span.from_end);
    let mut page = pages.remove(&stock).unwrap_or_default();
    // What lies outside of the bounds is beyond the page too, the bound itself first.
    let outside = async |reach, oldest_first| {
        let search = Search {
            reach,
            wanted: 1,
            oldest_first,
            ..search
        };
        search
            .read(connection, now)
            .await
            .map(|rows| !rows.is_empty())
    };
    if let Some(after) = span.after {
        let low = Some(Edge::at(after));
        page.has_previous |= outside(Reach { low, ..all }, true).await?;
    }
    if let Some(before) = span.before {
        let high = Some(Edge::at(before));
        page.has_next |= outside(Reach { high, ..all }, false).await?;
    }
    Ok(page)
}

/// The first pages of many stocks' prices, by stock, newest first: the newest `limit`, or the oldest if `from_end`.
pub async fn first_pages(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stocks: &[i64],
    recorded: Recorded,
    limit: u32,
    from_end: bool,
) -> Result<HashMap<i64, Page<Price>>, DbErr> {
    let search = Search {
        stocks,
        reach: Reach {
            recorded,
            ..Reach::default()
        },
        wanted: u64::from(limit) + 1,
        oldest_first: from_end,
    };
    let rows = search.read(connection, now).await?;
    Ok(pages(rows, stocks, limit, from_end))
}

fn pages(
    rows: Vec<Price>,
    stocks: &[i64],
    limit: u32,
    from_end: bool,
) -> HashMap<i64, Page<Price>> {
    let stock = |price: &Price| price.stock_id;
    page::by_stock(
        rows,
        stocks,
        stock,
        |it| PriceKey::from(it),
        limit,
        from_end,
    )
}
