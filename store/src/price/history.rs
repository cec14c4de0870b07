//! Pages of the prices of stocks, newest first.
//!
//! A search for the newest prices begins around `now`, and continues until they are found.

use std::collections::HashMap;

use entity::{Price, Timestamp};
use sea_orm::ConnectionTrait;

use super::{
    PriceKey, Recorded,
    range::{Bound, PriceRange},
    search::Search,
};
use crate::{
    Error,
    page::{self, Page, Span},
};

/// Reads a page of the prices of a stock, newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stock: i64,
    recorded: Recorded,
    span: &Span<PriceKey>,
) -> Result<Page<Price>, Error> {
    let all = PriceRange {
        recorded,
        ..PriceRange::default()
    };
    let search = Search {
        stocks: &[stock],
        // Rows after a key in the list are older.
        range: PriceRange {
            high: span.after.map(Bound::exclusive),
            low: span.before.map(Bound::exclusive),
            ..all
        },
        count: u64::from(span.limit) + 1,
        oldest_first: span.from_end,
    };
    let rows = search.read(connection, now).await?;
    let mut pages = pages(rows, search.stocks, span.limit, span.from_end);
    let mut page = pages.remove(&stock).unwrap_or_default();
    // Rows at or outside of the bounds also count as rows before or after the page.
    let outside = async |range, oldest_first| {
        let search = Search {
            range,
            count: 1,
            oldest_first,
            ..search
        };
        search
            .read(connection, now)
            .await
            .map(|rows| !rows.is_empty())
    };
    if let Some(after) = span.after {
        let low = Some(Bound::inclusive(after));
        page.has_previous |= outside(PriceRange { low, ..all }, true).await?;
    }
    if let Some(before) = span.before {
        let high = Some(Bound::inclusive(before));
        page.has_next |= outside(PriceRange { high, ..all }, false).await?;
    }
    Ok(page)
}

/// Reads the first pages of the prices of many stocks, newest first: the newest `limit` prices of
/// each, or the oldest if `from_end`.
pub async fn first_pages(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stocks: &[i64],
    recorded: Recorded,
    limit: u32,
    from_end: bool,
) -> Result<HashMap<i64, Page<Price>>, Error> {
    let search = Search {
        stocks,
        range: PriceRange {
            recorded,
            ..PriceRange::default()
        },
        count: u64::from(limit) + 1,
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
