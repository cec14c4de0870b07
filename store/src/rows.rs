//! Reads many rows of a statement at once, by position of their columns.
//!
//! sqlx executes SQLite on a thread of its own and sends each row from there, so that a row costs a
//! switch between threads. SQLite therefore returns all rows as one JSON text.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, TryGetable};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, sql::Sql};

/// A statement that is [read](Self::read) at once.
pub(crate) struct Rows {
    sql: Sql,
}

/// A row, whose columns are integers, texts and dates.
pub(crate) enum Row {
    Json(Vec<Value>),
    Query(QueryResult),
}

impl Rows {
    /// Creates a statement that selects these columns. `from` appends the rest of it.
    pub(crate) fn select(
        connection: &impl ConnectionTrait,
        columns: &[&str],
        from: impl FnOnce(Sql) -> Sql,
    ) -> Self {
        let columns = columns.join(", ");
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        let text = if is_postgres {
            format!("SELECT {columns}")
        } else {
            format!("SELECT json_group_array(json_array({columns}))")
        };
        Self {
            sql: from(Sql::new(connection, text)),
        }
    }

    /// Reads the rows.
    pub(crate) async fn read(self, connection: &impl ConnectionTrait) -> Result<Vec<Row>, Error> {
        let statement = self.sql.statement();
        if connection.get_database_backend() == DbBackend::Postgres {
            let rows = connection.query_all_raw(statement).await?;
            return Ok(rows.into_iter().map(Row::Query).collect());
        }
        let Some(row) = connection.query_one_raw(statement).await? else {
            return Ok(Vec::new());
        };
        let text: String = row.try_get_by_index(0)?;
        let rows: Vec<Vec<Value>> =
            serde_json::from_str(&text).map_err(|error| malformed(&error))?;
        Ok(rows.into_iter().map(Row::Json).collect())
    }
}

impl Row {
    /// Returns the value of a column.
    pub(crate) fn get<T: DeserializeOwned + TryGetable>(&self, column: usize) -> Result<T, Error> {
        match self {
            Self::Json(values) => {
                let value = values.get(column).cloned().unwrap_or_default();
                serde_json::from_value(value).map_err(|error| malformed(&error))
            }
            Self::Query(row) => Ok(row.try_get_by_index(column)?),
        }
    }
}

fn malformed(error: &serde_json::Error) -> Error {
    DbErr::Json(error.to_string()).into()
}
