//! Pages of lists, by keyset, in both directions.
//!
//! One invariant: a page is found by comparing with the place where it begins, never by counting rows, and says exactly
//! whether there is more on either side.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Value};

use crate::sql::Sql;

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct Span<K> {
    /// Only what follows this place in the list.
    pub after: Option<K>,
    /// Only what comes before this place in the list.
    pub before: Option<K>,
    /// How many at the most.
    pub limit: u32,
    /// Whether they are counted from the list's end.
    pub from_end: bool,
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub rows: Vec<T>,
    /// Whether the list goes on after it.
    pub has_next: bool,
    /// Whether the list has something before it.
    pub has_previous: bool,
}

impl<T> Default for Page<T> {
    /// The page of an empty list.
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            has_next: false,
            has_previous: false,
        }
    }
}

impl<T> Page<T> {
    /// The same page of what its rows are made into.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(make).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }

    /// A page of rows in the order in which they were counted, one more than `limit` if there are more.
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

/// What a list's places are made of.
pub(crate) trait Key {
    /// The columns, the most significant first.
    const COLUMNS: &'static [&'static str];
    /// Their values.
    fn values(&self) -> Vec<Value>;
}

/// Reads a page of the list that `select` (`SELECT … WHERE …`) gives, the greatest `K` first.
pub(crate) async fn read<T: FromQueryResult, K: Key>(
    connection: &impl ConnectionTrait,
    select: &Sql,
    span: &Span<K>,
) -> Result<Page<T>, DbErr> {
    let wanted = u64::from(span.limit) + 1;
    let mut bounded = select.clone();
    for (side, key) in [(Side::Beyond, &span.after), (Side::Within, &span.before)] {
        bounded = bound(bounded, side, key.as_ref());
    }
    let direction = if span.from_end { "ASC" } else { "DESC" };
    let keys: Vec<String> = K::COLUMNS
        .iter()
        .map(|key| format!("{key} {direction}"))
        .collect();
    let counted = bounded.push(&format!(" ORDER BY {} LIMIT {wanted}", keys.join(", ")));
    let rows = T::find_by_statement(counted.statement())
        .all(connection)
        .await?;
    let mut page = Page::new(rows, span.limit, span.from_end);
    // What lies outside of the bounds is beyond the page too, the bound itself first.
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

/// The beginnings of many stocks' lists at once: for each of `stocks` those `limit` rows of `table` that come
/// first by `order`, in no order among themselves; `bounds` says which rows count.
pub(crate) async fn read_each<T: FromQueryResult>(
    connection: &impl ConnectionTrait,
    table: &str,
    order: &str,
    stocks: &[i64],
    limit: u64,
    bounds: impl Fn(Sql) -> Sql,
) -> Result<Vec<T>, DbErr> {
    let (begin, end) = if connection.get_database_backend() == DbBackend::Postgres {
        let begin = format!("stocks CROSS JOIN LATERAL (SELECT * FROM {table}");
        (begin, ") AS rows WHERE stocks.id")
    } else {
        // SQLite has no LATERAL; CROSS JOIN keeps it from reading the whole table first.
        let rows = format!("stocks CROSS JOIN {table} AS rows ON rows.rowid IN");
        (
            format!("{rows} (SELECT rowid FROM {table}"),
            ") WHERE stocks.id",
        )
    };
    let text = format!("SELECT stocks.symbol, rows.* FROM {begin} WHERE stock_id = stocks.id");
    let sql = bounds(Sql::new(connection, text))
        .push(&format!(" ORDER BY {order} LIMIT {limit}{end}"))
        .is_any(stocks);
    T::find_by_statement(sql.statement()).all(connection).await
}

/// Sorts what [`read_each`] read into pages, one for each of `stocks`.
pub(crate) fn by_stock<T, K: Ord>(
    rows: Vec<T>,
    stocks: &[i64],
    stock_id: impl Fn(&T) -> i64,
    place: impl Fn(&T) -> K,
    limit: u32,
    from_end: bool,
) -> HashMap<i64, Page<T>> {
    let mut lists: HashMap<i64, Vec<T>> = stocks.iter().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        lists.entry(stock_id(&row)).or_default().push(row);
    }
    let page = |(id, mut rows): (i64, Vec<T>)| {
        rows.sort_unstable_by_key(&place);
        if !from_end {
            rows.reverse();
        }
        (id, Page::new(rows, limit, from_end))
    };
    lists.into_iter().map(page).collect()
}

/// Where rows lie beside a place in the list.
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
