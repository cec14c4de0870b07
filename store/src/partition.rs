//! The tables of months that `stock_prices` is made of on PostgreSQL; SQLite has one table.
//!
//! One invariant: no write fails for want of a month: the writer makes the one that it needs, in its own transaction,
//! whatever the clock says; housekeeping makes those to come, so that the writer hardly ever has to.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use entity::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};

use crate::month::Month;

/// How many months are made ahead.
const AHEAD: u32 = 2;

/// What a process knows of the months that there are; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    /// The start of a month that was there, committed, when this process last looked. A month that is written to is
    /// never dropped.
    known: Arc<AtomicI64>,
}

impl Partitions {
    pub(crate) fn new() -> Self {
        Self {
            known: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Makes the month of `at`, if it is missing. Whoever calls it holds the feed's lock.
    pub(crate) async fn prepare(
        &self,
        connection: &impl ConnectionTrait,
        at: Timestamp,
    ) -> Result<(), DbErr> {
        let month = Month::of(at);
        if connection.get_database_backend() != DbBackend::Postgres
            || self.known.load(Ordering::Relaxed) == month.start().micros()
        {
            return Ok(());
        }
        if all(connection).await?.contains(&month) {
            let start = month.start().micros();
            self.known.store(start, Ordering::Relaxed);
            return Ok(());
        }
        // It is known only once it is seen: this transaction may yet be given up.
        create(connection, month).await
    }

    /// Looks again before the next write: one has failed, perhaps for want of a month that somebody took away.
    pub(crate) fn forget(&self) {
        self.known.store(i64::MIN, Ordering::Relaxed);
    }
}

/// Makes the month of `at` and those after it that are missing. Whoever calls it holds the feed's lock.
pub(crate) async fn create_ahead(
    connection: &impl ConnectionTrait,
    at: Timestamp,
) -> Result<(), DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let there = all(connection).await?;
    for month in (0..=AHEAD).map(|months| Month::of(at).after(months)) {
        if !there.contains(&month) {
            create(connection, month).await?;
        }
    }
    Ok(())
}

/// The months that there are, on PostgreSQL.
pub(crate) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Month>, DbErr> {
    #[derive(FromQueryResult)]
    struct Partition {
        name: String,
    }
    let sql = "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
               WHERE inhparent = 'stock_prices'::regclass";
    let listed = Statement::from_string(connection.get_database_backend(), sql);
    let partitions = Partition::find_by_statement(listed).all(connection).await?;
    let months = partitions.iter().map(|it| Month::of_table(&it.name));
    Ok(months.flatten().collect())
}

/// Makes a month's table. It is attached once it is complete, which stops no reader.
async fn create(connection: &impl ConnectionTrait, month: Month) -> Result<(), DbErr> {
    let (name, from, to) = (month.table(), month.start(), month.end());
    let (from, to) = (from.micros(), to.micros());
    for sql in [
        format!("CREATE TABLE \"{name}\" (LIKE stock_prices INCLUDING ALL)"),
        format!(
            "ALTER TABLE stock_prices ATTACH PARTITION \"{name}\" FOR VALUES FROM ({from}) TO ({to})"
        ),
    ] {
        connection.execute_unprepared(&sql).await?;
    }
    tracing::info!(%name, "made a table for a month's prices");
    Ok(())
}
