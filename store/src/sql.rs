//! A builder for SQL statements from fragments and bound values.
//!
//! Values are always bound as parameters, and the text of a statement does not depend on the number
//! of ids, so it is prepared once. Parameters are `$1`, `$2` … on both databases.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// A statement under construction.
#[derive(Clone, Debug)]
pub struct Sql {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Creates a statement for the database of `connection`.
    pub fn new(connection: &impl ConnectionTrait, text: impl Into<String>) -> Self {
        Self {
            backend: connection.get_database_backend(),
            text: text.into(),
            values: Vec::new(),
        }
    }

    /// The database of the statement.
    pub(crate) fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Appends text.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a parameter with this value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        let parameter = format!("${}", self.values.len());
        self.push(&parameter)
    }

    /// Appends `text` and a parameter, if there is a value.
    #[must_use]
    pub fn push_if_some(self, text: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// Appends a condition that the preceding expression equals one of `ids`.
    #[must_use]
    pub fn eq_any(self, ids: &[i64]) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(ids.to_vec()).push(")");
        }
        let listed: Vec<String> = ids.iter().map(i64::to_string).collect();
        let json = format!("[{}]", listed.join(","));
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json)
            .push("))")
    }

    /// Appends a condition that the preceding expression equals one of `texts`.
    #[must_use]
    pub(crate) fn eq_any_text(self, texts: Vec<String>) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(texts).push(")");
        }
        let json: serde_json::Value = texts.into_iter().collect();
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json.to_string())
            .push("))")
    }

    /// Appends a table of pairs.
    #[must_use]
    pub(crate) fn push_pairs(self, columns: [&str; 2], pairs: &BTreeMap<i64, i64>) -> Self {
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

    /// Appends values in parentheses.
    #[must_use]
    pub fn bind_row(mut self, values: Vec<Value>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self = self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    /// Appends a table `given` of integers with these columns and rows.
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
            let table = self.push("unnest").bind_row(arrays.map(Value::from).into());
            return table.push(&format!(" AS given ({})", columns.join(", ")));
        }
        let fields: Vec<String> = (0..)
            .zip(columns)
            .map(|(index, column): (usize, _)| format!("value ->> {index} AS {column}"))
            .collect();
        let rows: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
        self.push(&format!("(SELECT {} FROM json_each(", fields.join(", ")))
            .bind(format!("[{}]", rows.join(",")))
            .push(")) AS given")
    }

    /// Returns the statement.
    pub fn statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }
}
