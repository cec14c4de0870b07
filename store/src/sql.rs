//! Hand-written SQL, put together from fragments and bound values.
//!
//! One invariant: a value is always a parameter, and a statement's text never depends on how many ids it is given, so
//! that it is prepared once. Parameters are `$1`, `$2` … on both databases.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// A statement that is being written.
#[derive(Clone, Debug)]
pub struct Sql {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Begins a statement for the database behind `connection`.
    pub fn new(connection: &impl ConnectionTrait, text: impl Into<String>) -> Self {
        Self {
            backend: connection.get_database_backend(),
            text: text.into(),
            values: Vec::new(),
        }
    }

    /// Which database it is for.
    pub(crate) fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Goes on with this text.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with a parameter of this value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.push(&place)
    }

    /// Goes on with `text` and a parameter, if there is a value.
    #[must_use]
    pub fn bind_some(self, text: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// Goes on with whether the last expression is one of `ids`.
    #[must_use]
    pub fn is_any(self, ids: &[i64]) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(ids.to_vec()).push(")");
        }
        let listed: Vec<String> = ids.iter().map(i64::to_string).collect();
        let json = format!("[{}]", listed.join(","));
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json)
            .push("))")
    }

    /// Goes on with whether the last expression is one of `texts`.
    #[must_use]
    pub(crate) fn among(self, texts: Vec<String>) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(texts).push(")");
        }
        let json: serde_json::Value = texts.into_iter().collect();
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json.to_string())
            .push("))")
    }

    /// Goes on with a table of pairs.
    #[must_use]
    pub(crate) fn table_of(self, columns: [&str; 2], pairs: &BTreeMap<i64, i64>) -> Self {
        let [first, second] = columns;
        if self.backend == DbBackend::Postgres {
            let (keys, values): (Vec<i64>, Vec<i64>) = pairs.iter().unzip();
            return self
                .push(&format!("(SELECT {first}, {second} FROM unnest("))
                .bind(keys)
                .push(", ")
                .bind(values)
                .push(&format!(") AS pairs ({first}, {second}))"));
        }
        let listed: Vec<String> = pairs.iter().map(|(a, b)| format!("[{a},{b}]")).collect();
        let select = "(SELECT value ->> 0 AS";
        self.push(&format!(
            "{select} {first}, value ->> 1 AS {second} FROM json_each("
        ))
        .bind(format!("[{}]", listed.join(",")))
        .push("))")
    }

    /// Goes on with values in parentheses.
    #[must_use]
    pub fn bind_row(mut self, values: Vec<Value>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self = self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    /// Goes on with a table `given` of whole numbers that has these columns and rows.
    #[must_use]
    pub fn rows<const N: usize>(
        self,
        columns: [&str; N],
        rows: impl Iterator<Item = [i64; N]>,
    ) -> Self {
        if self.backend == DbBackend::Postgres {
            let mut arrays: [Vec<i64>; N] = std::array::from_fn(|_| Vec::new());
            for row in rows {
                for (array, value) in arrays.iter_mut().zip(row) {
                    array.push(value);
                }
            }
            let begun = self.push("unnest").bind_row(arrays.map(Value::from).into());
            return begun.push(&format!(" AS given ({})", columns.join(", ")));
        }
        let places: Vec<String> = (0..)
            .zip(columns)
            .map(|(place, column): (usize, _)| format!("value ->> {place} AS {column}"))
            .collect();
        let rows: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
        self.push(&format!("(SELECT {} FROM json_each(", places.join(", ")))
            .bind(format!("[{}]", rows.join(",")))
            .push(")) AS given")
    }

    /// The statement.
    pub fn statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }
}
