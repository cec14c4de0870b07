//! Keyset pagination of lists, in both directions.
//!
//! A page is found by comparing with the key at its start, never by an offset, and reports exactly
//! whether rows exist before and after it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};

use crate::{Error, sql::Sql};

/// The part of a list to read.
#[derive(Clone, Copy, Debug)]
pub struct Span<K> {
    /// Only rows after this key.
    pub after: Option<K>,
    /// Only rows before this key.
    pub before: Option<K>,
    /// Maximum number of rows.
    pub limit: u32,
    /// Whether to take the last rows instead of the first.
    pub from_end: bool,
}

impl<K> Span<K> {
    /// Maps the keys of the span.
    pub fn map<T>(self, make: impl Fn(K) -> T) -> Span<T> {
        Span {
            after: self.after.map(&make),
            before: self.before.map(&make),
            limit: self.limit,
            from_end: self.from_end,
        }
    }
}

/// A page of a list, in list order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// Whether there are rows after the page.
    pub has_next: bool,
    /// Whether there are rows before the page.
    pub has_previous: bool,
}

impl<T> Default for Page<T> {
    /// An empty page.
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            has_next: false,
            has_previous: false,
        }
    }
}

impl<T> Page<T> {
    /// Maps the rows of the page.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(make).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }

    /// Creates a page from rows in the order they were read: `limit + 1` rows if more exist.
    pub(crate) fn new(mut rows: Vec<T>, limit: u32, from_end: bool) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        if from_end {
            rows.reverse();
        }
        Self {
            rows,
            has_next: more && !from_end,
            has_previous: more && from_end,
        }
    }
}

/// The sort key of a list.
pub(crate) trait Key {
    /// The columns, most significant first.
    const COLUMNS: &'static [&'static str];
    /// The values of the columns.
    fn values(&self) -> Vec<Value>;
}

/// Reads a page of the list that `select` (`SELECT … WHERE …`) returns, in descending order of `K`.
pub(crate) async fn read<T: FromQueryResult, K: Key>(
    connection: &impl ConnectionTrait,
    select: &Sql,
    span: &Span<K>,
) -> Result<Page<T>, Error> {
    let count = u64::from(span.limit) + 1;
    let mut bounded = select.clone();
    for (side, key) in [(Side::Beyond, &span.after), (Side::Within, &span.before)] {
        bounded = bound(bounded, side, key.as_ref());
    }
    let direction = if span.from_end { "ASC" } else { "DESC" };
    let keys: Vec<String> = K::COLUMNS
        .iter()
        .map(|key| format!("{key} {direction}"))
        .collect();
    let query = bounded.push(&format!(" ORDER BY {} LIMIT {count}", keys.join(", ")));
    let rows = T::find_by_statement(query.statement())
        .all(connection)
        .await?;
    let mut page = Page::new(rows, span.limit, span.from_end);
    // Rows at or outside of the bounds also count as rows before or after the page.
    let outside = async |side, key: &Option<K>| match key {
        None => Ok(false),
        Some(key) => {
            let one = bound(select.clone(), side, Some(key)).push(" LIMIT 1");
            connection
                .query_one_raw(one.statement())
                .await
                .map(|row| row.is_some())
        }
    };
    page.has_previous |= outside(Side::AtOrWithin, &span.after).await?;
    page.has_next |= outside(Side::AtOrBeyond, &span.before).await?;
    Ok(page)
}

fn bound<K: Key>(sql: Sql, side: Side, key: Option<&K>) -> Sql {
    let Some(key) = key else { return sql };
    let columns = K::COLUMNS.join(", ");
    sql.push(&format!(" AND ({columns}) {} ", side.operator()))
        .bind_row(key.values())
}

/// Reads the first rows of many lists at once: for each of `stocks`, the first `limit` rows of
/// `table` by `order`, restricted by `bounds`. The order of the result is unspecified.
pub(crate) async fn read_each<T: FromQueryResult>(
    connection: &impl ConnectionTrait,
    table: &str,
    order: &str,
    stocks: &[i64],
    limit: u64,
    bounds: impl Fn(Sql) -> Sql,
) -> Result<Vec<T>, Error> {
    let (begin, end) = if connection.get_database_backend() == DbBackend::Postgres {
        let begin = format!("stocks CROSS JOIN LATERAL (SELECT * FROM {table}");
        (begin, ") AS rows WHERE stocks.id")
    } else {
        // SQLite has no LATERAL. CROSS JOIN prevents it from scanning the whole table first.
        let rows = format!("stocks CROSS JOIN {table} AS rows ON rows.rowid IN");
        (
            format!("{rows} (SELECT rowid FROM {table}"),
            ") WHERE stocks.id",
        )
    };
    let text = format!("SELECT stocks.symbol, rows.* FROM {begin} WHERE stock_id = stocks.id");
    let sql = bounds(Sql::new(connection, text))
        .push(&format!(" ORDER BY {order} LIMIT {limit}{end}"))
        .eq_any(stocks);
    Ok(T::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Groups the rows of [`read_each`] into one page for each of `stocks`.
pub(crate) fn by_stock<T, K: Ord>(
    rows: Vec<T>,
    stocks: &[i64],
    stock_id: impl Fn(&T) -> i64,
    key: impl Fn(&T) -> K,
    limit: u32,
    from_end: bool,
) -> HashMap<i64, Page<T>> {
    let mut lists: HashMap<i64, Vec<T>> = stocks.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        lists.entry(stock_id(&row)).or_default().push(row);
    }
    let page = |(id, mut rows): (i64, Vec<T>)| {
        rows.sort_unstable_by_key(&key);
        if !from_end {
            rows.reverse();
        }
        (id, Page::new(rows, limit, from_end))
    };
    lists.into_iter().map(page).collect()
}

/// The rows on one side of a key.
#[derive(Clone, Copy)]
enum Side {
    Beyond,
    AtOrBeyond,
    Within,
    AtOrWithin,
}

impl Side {
    const fn operator(self) -> &'static str {
        match self {
            Self::Beyond => "<",
            Self::Within => ">",
            Self::AtOrBeyond => "<=",
            Self::AtOrWithin => ">=",
        }
    }
}
