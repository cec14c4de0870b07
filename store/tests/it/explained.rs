//! A connection that explains every statement before it executes it.
//!
//! The programs reuse generic plans on PostgreSQL, so each statement is prepared and its execution
//! is explained. Explaining the statement itself would plan for the values of its parameters.

use std::sync::Mutex;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait,
    sea_query::{PostgresQueryBuilder, QueryBuilder},
};
use serde_json::Value;

/// The cost of the statements of one read.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) statements: usize,
    /// Number of 8 KiB pages read, on PostgreSQL.
    pub(crate) pages: u64,
    /// Number of monthly partitions in the plans of all statements.
    pub(crate) months: usize,
    /// The lines of the plans, on SQLite.
    pub(crate) plan: Vec<String>,
}

pub(crate) struct Explained {
    inner: DatabaseConnection,
    cost: Mutex<Cost>,
}

impl Explained {
    pub(crate) fn new(inner: &DatabaseConnection) -> Self {
        Self {
            inner: inner.clone(),
            cost: Mutex::default(),
        }
    }

    /// Returns the cost since the last call.
    pub(crate) fn take(&self) -> Cost {
        std::mem::take(&mut *self.cost.lock().expect("not poisoned"))
    }

    async fn explain_kept(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let one = self.inner.begin().await?;
        let prepare = format!("PREPARE explained AS {}", statement.sql);
        one.execute_unprepared(&prepare).await?;
        let values = statement.values.iter().flat_map(|values| &values.0);
        let values: Vec<String> = values
            .map(|value| PostgresQueryBuilder.value_to_string(value))
            .collect();
        let given = match &values[..] {
            [] => String::new(),
            values => format!("({})", values.join(", ")),
        };
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained{given}");
        let explain = Statement::from_string(DbBackend::Postgres, explain);
        let rows = one.query_all_raw(explain).await?;
        one.execute_unprepared("DEALLOCATE explained").await?;
        one.commit().await?;
        Ok(rows)
    }

    async fn explain(&self, statement: &Statement) -> Result<(), DbErr> {
        let rows = if statement.db_backend == DbBackend::Postgres {
            self.explain_kept(statement).await?
        } else {
            let mut explain = statement.clone();
            explain.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
            self.inner.query_all_raw(explain).await?
        };
        let mut cost = self.cost.lock().expect("not poisoned");
        cost.statements += 1;
        if statement.db_backend != DbBackend::Postgres {
            for row in rows {
                cost.plan.push(row.try_get("", "detail")?);
            }
            return Ok(());
        }
        let explained: Value = rows[0].try_get_by_index(0)?;
        let plan = &explained[0]["Plan"];
        for kind in ["Shared Hit Blocks", "Shared Read Blocks"] {
            cost.pages += plan[kind].as_u64().expect("a count");
        }
        let text = plan.to_string();
        let given = statement
            .values
            .as_ref()
            .is_some_and(|values| !values.0.is_empty());
        assert!(
            !given || text.contains('$'),
            "this plan is for values: {text}"
        );
        cost.months += text.matches("\"Relation Name\":\"stock_prices_").count();
        Ok(())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Explained {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.explain(&statement).await?;
        self.inner.query_all_raw(statement).await
    }
}
