//! Pages of lists, by keyset, in both directions.
//!
//! One invariant: a page is found by comparing with the place where it begins, never by counting rows, and says exactly
//! whether there is more on either side.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};

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

/// What a list's places are made of.
pub(crate) trait Key {
    /// The columns, the most significant first.
    const COLUMNS: &'static [&'static str];
    /// Their values.
    fn values(&self) -> Vec<Value>;
}

/// Reads a page of the list that `select` (`SELECT … WHERE …`) gives, ordered by `K`.
pub(crate) async fn read<T: FromQueryResult, K: Key>(
    connection: &impl ConnectionTrait,
    select: &Sql,
    order: Order,
    span: &Span<K>,
) -> Result<Page<T>, DbErr> {
    let wanted = u64::from(span.limit) + 1;
    let mut bounded = select.clone();
    for (side, key) in [(Side::Beyond, &span.after), (Side::Within, &span.before)] {
        bounded = bound(bounded, order, side, key.as_ref());
    }
    let direction = if (order == Order::Ascending) == span.from_end {
        "DESC"
    } else {
        "ASC"
    };
    let keys: Vec<String> = K::COLUMNS
        .iter()
        .map(|key| format!("{key} {direction}"))
        .collect();
    let page = bounded.push(&format!(" ORDER BY {} LIMIT {wanted}", keys.join(", ")));
    let mut rows = T::find_by_statement(page.statement())
        .all(connection)
        .await?;
    let more = rows.len() as u64 == wanted;
    rows.truncate(span.limit as usize);
    if span.from_end {
        rows.reverse();
    }
    // What lies outside of the bounds is beyond the page too, the bound itself first.
    let outside = async |side, key: &Option<K>| match key {
        None => Ok(false),
        Some(key) => {
            let one = bound(select.clone(), order, side, Some(key)).push(" LIMIT 1");
            connection
                .query_one_raw(one.statement())
                .await
                .map(|row| row.is_some())
        }
    };
    let has_previous = (more && span.from_end) || outside(Side::AtOrWithin, &span.after).await?;
    let has_next = (more && !span.from_end) || outside(Side::AtOrBeyond, &span.before).await?;
    Ok(Page {
        rows,
        has_next,
        has_previous,
    })
}

fn bound<K: Key>(sql: Sql, order: Order, side: Side, key: Option<&K>) -> Sql {
    let Some(key) = key else { return sql };
    let columns = K::COLUMNS.join(", ");
    sql.push(&format!(" AND ({columns}) {} ", side.operator(order)))
        .bind_row(key.values())
}

/// How a list is ordered by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the least key to the greatest.
    Ascending,
    /// From the greatest key to the least.
    Descending,
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
    const fn operator(self, order: Order) -> &'static str {
        match (self, order) {
            (Self::Beyond, Order::Ascending) | (Self::Within, Order::Descending) => ">",
            (Self::Beyond, Order::Descending) | (Self::Within, Order::Ascending) => "<",
            (Self::AtOrBeyond, Order::Ascending) | (Self::AtOrWithin, Order::Descending) => ">=",
            (Self::AtOrBeyond, Order::Descending) | (Self::AtOrWithin, Order::Ascending) => "<=",
        }
    }
}
