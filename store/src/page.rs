//! Pages of lists, by keyset, in both directions.
//!
//! One invariant: a page is found by comparing with the place where it begins, never by counting rows, and says exactly
//! whether there is more on either side.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::sql;

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

/// A list: what it is of, what is in it and how it is ordered.
pub(crate) struct List {
    /// `SELECT … FROM … WHERE …`, with `$1` … for `values`.
    pub(crate) select: String,
    /// What the text's parameters stand for.
    pub(crate) values: Vec<Value>,
    /// Whether the list goes from the greatest key to the least.
    pub(crate) descending: bool,
}

impl List {
    /// Reads a page.
    pub(crate) async fn page<T: FromQueryResult, K: Key>(
        &self,
        connection: &impl ConnectionTrait,
        span: &Span<K>,
    ) -> Result<Page<T>, DbErr> {
        let beyond = |key: &K| (Side::Beyond, key.values());
        let within = |key: &K| (Side::Within, key.values());
        let bounds = span
            .after
            .iter()
            .map(beyond)
            .chain(span.before.iter().map(within));
        let wanted = u64::from(span.limit) + 1;
        let statement = self.statement::<K>(connection, bounds.collect(), span.from_end, wanted);
        let mut rows = T::find_by_statement(statement).all(connection).await?;
        let more = rows.len() as u64 == wanted;
        rows.truncate(span.limit as usize);
        if span.from_end {
            rows.reverse();
        }
        // What lies outside of the bounds is beyond the page too, the bound itself first.
        let outside = |side, key: Option<&K>| key.map(|key| (side, key.values()));
        let before = outside(Side::AtOrWithin, span.after.as_ref());
        let after = outside(Side::AtOrBeyond, span.before.as_ref());
        let has_previous = (more && span.from_end) || self.any::<K>(connection, before).await?;
        let has_next = (more && !span.from_end) || self.any::<K>(connection, after).await?;
        Ok(Page {
            rows,
            has_next,
            has_previous,
        })
    }

    async fn any<K: Key>(
        &self,
        connection: &impl ConnectionTrait,
        bound: Option<(Side, Vec<Value>)>,
    ) -> Result<bool, DbErr> {
        let Some(bound) = bound else { return Ok(false) };
        let statement = self.statement::<K>(connection, vec![bound], false, 1);
        Ok(connection.query_one_raw(statement).await?.is_some())
    }

    fn statement<K: Key>(
        &self,
        connection: &impl ConnectionTrait,
        bounds: Vec<(Side, Vec<Value>)>,
        reverse: bool,
        limit: u64,
    ) -> Statement {
        let (mut text, mut values) = (self.select.clone(), self.values.clone());
        for (side, key) in bounds {
            let first = values.len() + 1;
            let places: Vec<String> = (first..first + key.len())
                .map(|place| format!("${place}"))
                .collect();
            let operator = side.operator(self.descending);
            let columns = K::COLUMNS.join(", ");
            let comparison = format!(" AND ({columns}) {operator} ({})", places.join(", "));
            text.push_str(&comparison);
            values.extend(key);
        }
        let direction = if self.descending == reverse {
            "ASC"
        } else {
            "DESC"
        };
        let order: Vec<String> = K::COLUMNS
            .iter()
            .map(|column| format!("{column} {direction}"))
            .collect();
        text.push_str(&format!(" ORDER BY {} LIMIT {limit}", order.join(", ")));
        sql::statement(connection, text, values)
    }
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
    const fn operator(self, descending: bool) -> &'static str {
        match (self, descending) {
            (Self::Beyond, false) | (Self::Within, true) => ">",
            (Self::Beyond, true) | (Self::Within, false) => "<",
            (Self::AtOrBeyond, false) | (Self::AtOrWithin, true) => ">=",
            (Self::AtOrBeyond, true) | (Self::AtOrWithin, false) => "<=",
        }
    }
}
