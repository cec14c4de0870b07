//! A builder for SQL statements from fragments and bound values.
//!
//! Values are always bound as parameters, and the text of a statement does not depend on the number
//! of ids, so it is prepared once. Parameters are `$1`, `$2` … on PostgreSQL and `?` on SQLite,
//! which searches a list of all names for each named parameter. No text contains another `?`.

mod field;

use std::{iter, slice::Chunks};

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

pub(crate) use self::field::Field;
use crate::Error;

/// The assignments of `ON CONFLICT … DO UPDATE SET` that replace these columns.
pub(crate) fn replaced(columns: &[&str]) -> String {
    let replaced: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    replaced.join(", ")
}

/// The number of rows that SQLite is sent with a statement. The next larger one is filled up with
/// rows of NULL, so that there are few texts to prepare.
const SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, MAX_ROWS];
/// The maximum number of rows. SQLite allows 32,766 parameters.
const MAX_ROWS: usize = 256;

/// Splits rows into those of one statement each: all of them on PostgreSQL.
pub(crate) fn chunks<'a, R>(connection: &impl ConnectionTrait, rows: &'a [R]) -> Chunks<'a, R> {
    if connection.get_database_backend() == DbBackend::Postgres {
        rows.chunks(rows.len().max(1))
    } else {
        rows.chunks(MAX_ROWS)
    }
}

/// The maximum number of parameters of statements that SQLite is sent at once. More of them would
/// be many more texts to prepare, and the round trip does not matter.
const MAX_AT_ONCE: usize = 2_000;

/// Executes statements that write different rows, at once if possible.
pub(crate) async fn execute_all(
    connection: &impl ConnectionTrait,
    statements: Vec<Sql>,
) -> Result<(), Error> {
    let parameters: usize = statements.iter().map(|sql| sql.values.len()).sum();
    let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
    let statements = if is_postgres || parameters <= MAX_AT_ONCE {
        Vec::from_iter(at_once(statements))
    } else {
        statements
    };
    for sql in statements {
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}

/// Executes statements that write different rows, at once. Returns the row of the last one, which
/// is the only one that returns a row.
pub(crate) async fn query_at_once(
    connection: &impl ConnectionTrait,
    statements: Vec<Sql>,
) -> Result<Option<QueryResult>, Error> {
    let Some(sql) = at_once(statements) else {
        return Ok(None);
    };
    Ok(connection.query_one_raw(sql.statement()).await?)
}

/// Returns one statement of PostgreSQL, of which no part sees what the others write, or a list of
/// statements of SQLite.
fn at_once(mut statements: Vec<Sql>) -> Option<Sql> {
    let last = statements.pop()?;
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for (index, sql) in statements.into_iter().enumerate() {
        texts.push(match last.backend {
            DbBackend::Postgres => format!("written{index} AS ({})", sql.text),
            _ => sql.text,
        });
        values.extend(sql.values);
    }
    let text = match last.backend {
        _ if texts.is_empty() => last.text,
        DbBackend::Postgres => format!("WITH {} {}", texts.join(", "), last.text),
        _ => format!("{}; {}", texts.join("; "), last.text),
    };
    values.extend(last.values);
    Some(Sql {
        text,
        values,
        ..last
    })
}

/// Numbers the parameters of a text.
fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in (1_usize..).zip(parts) {
        numbered.push('$');
        numbered.push_str(&index.to_string());
        numbered.push_str(part);
    }
    numbered
}

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
        self.push("?")
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

    /// Appends values in parentheses.
    #[must_use]
    pub fn bind_row(mut self, values: Vec<Value>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self = self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    /// Appends a table `given` of `rows`, which are one of the [`chunks`]. The first field is not
    /// nullable. The text depends only on the fields, and on SQLite on the size of the chunk.
    #[must_use]
    pub(crate) fn given<'a, R: 'a>(
        self,
        rows: impl Iterator<Item = &'a R> + Clone,
        fields: &[(&str, Field<R>)],
    ) -> Self {
        if self.backend == DbBackend::Postgres {
            self.arrays(&rows, fields)
        } else {
            self.list(rows, fields)
        }
    }

    fn arrays<'a, R: 'a>(
        self,
        rows: &(impl Iterator<Item = &'a R> + Clone),
        fields: &[(&str, Field<R>)],
    ) -> Self {
        let selected: Vec<String> = fields
            .iter()
            .map(|(name, field)| match field.null() {
                Some(null) => format!("NULLIF({name}, {null}) AS {name}"),
                None => (*name).to_owned(),
            })
            .collect();
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let arrays = fields.iter().map(|(_, field)| field.array(rows.clone()));
        self.push("(SELECT ")
            .push(&selected.join(", "))
            .push(" FROM unnest")
            .bind_row(arrays.collect())
            .push(&format!(" AS sent ({})) AS given", names.join(", ")))
    }

    fn list<'a, R: 'a>(
        mut self,
        rows: impl Iterator<Item = &'a R> + Clone,
        fields: &[(&str, Field<R>)],
    ) -> Self {
        let count = rows.clone().count();
        let size = SIZES.into_iter().find(|size| *size >= count);
        let missing = size.unwrap_or(count) - count;
        let selected: Vec<String> = (1..)
            .zip(fields)
            .map(|(index, (name, _)): (usize, _)| format!("column{index} AS {name}"))
            .collect();
        self = self.push(&format!("(SELECT {} FROM (VALUES ", selected.join(", ")));
        let rows = rows.map(Some).chain(iter::repeat_n(None, missing));
        for (index, row) in rows.enumerate() {
            self.text.push_str(if index == 0 { "(" } else { ", (" });
            for (column, (_, field)) in fields.iter().enumerate() {
                self.values.push(field.value(row));
                self.text.push_str(if column == 0 { "?" } else { ", ?" });
            }
            self.text.push(')');
        }
        self.push(") WHERE column1 IS NOT NULL) AS given")
    }

    /// Returns the statement.
    pub fn statement(self) -> Statement {
        let text = if self.backend == DbBackend::Postgres {
            numbered(&self.text)
        } else {
            self.text
        };
        Statement::from_sql_and_values(self.backend, text, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_sent_at_once_with_their_parameters_in_order() {
        let sent = |backend| {
            let sql = |text: &str| Sql {
                backend,
                text: text.to_owned(),
                values: Vec::new(),
            };
            let statements = vec![
                sql("INSERT INTO a VALUES ").bind_row(vec![1.into(), 2.into()]),
                sql("DELETE FROM b WHERE id = ").bind(3),
                sql("UPDATE c SET d = ").bind(4),
            ];
            let sent = at_once(statements).expect("statements").statement();
            let values: Vec<Value> = sent.values.expect("values").0;
            assert_eq!(values, [1, 2, 3, 4].map(Value::from));
            sent.sql
        };
        assert_eq!(
            sent(DbBackend::Postgres),
            "WITH written0 AS (INSERT INTO a VALUES ($1, $2)), \
             written1 AS (DELETE FROM b WHERE id = $3) UPDATE c SET d = $4"
        );
        assert_eq!(
            sent(DbBackend::Sqlite),
            "INSERT INTO a VALUES (?, ?); DELETE FROM b WHERE id = ?; UPDATE c SET d = ?"
        );
    }
}
