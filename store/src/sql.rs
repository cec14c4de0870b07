//! The little that the two databases spell differently in hand-written SQL.
//!
//! One invariant: a statement's text never depends on how many values it is given, so that it is prepared once.

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// A statement for the database behind `connection`. Parameters are `$1`, `$2` … on both.
pub fn statement(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// `column` is one of the ids that parameter `parameter` holds; see [`ids`].
pub fn is_any(connection: &impl ConnectionTrait, column: &str, parameter: usize) -> String {
    match connection.get_database_backend() {
        DbBackend::Postgres => format!("{column} = ANY(${parameter})"),
        _ => format!("{column} IN (SELECT value FROM json_each(${parameter}))"),
    }
}

/// Ids as one parameter.
pub fn ids(connection: &impl ConnectionTrait, ids: &[i64]) -> Value {
    match connection.get_database_backend() {
        DbBackend::Postgres => ids.to_vec().into(),
        _ => {
            let listed: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!("[{}]", listed.join(",")).into()
        }
    }
}
