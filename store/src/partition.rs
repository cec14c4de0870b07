//! The monthly partitions of `stock_prices` on PostgreSQL; SQLite has a single table.
//!
//! No insert fails because of a missing partition: the writer creates the partition it needs in its
//! own transaction. Maintenance creates partitions ahead of time, so that writers rarely have to.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use entity::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};

use crate::{Error, month::Month};

/// Number of months to create ahead.
const AHEAD: u32 = 2;

/// The partitions known to this process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    /// The start of a month whose partition was committed when last checked. The month of current
    /// writes is never dropped.
    known: Arc<AtomicI64>,
}

impl Partitions {
    pub(crate) fn new() -> Self {
        Self {
            known: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Creates the partition for `at`, if it does not exist. The caller holds the lock of the feed.
    pub(crate) async fn prepare(
        &self,
        connection: &impl ConnectionTrait,
        at: Timestamp,
    ) -> Result<(), Error> {
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
        // Not stored in `known`, because this transaction may be rolled back.
        create(connection, month).await
    }

    /// Forces a check before the next write, because an insert failed, possibly because the
    /// partition was dropped externally.
    pub(crate) fn forget(&self) {
        self.known.store(i64::MIN, Ordering::Relaxed);
    }
}

/// Creates the partitions for `at` and the following months. The caller holds the lock of the feed.
pub(crate) async fn create_ahead(
    connection: &impl ConnectionTrait,
    at: Timestamp,
) -> Result<(), Error> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let existing = all(connection).await?;
    for month in (0..=AHEAD).map(|months| Month::of(at).after(months)) {
        if !existing.contains(&month) {
            create(connection, month).await?;
        }
    }
    Ok(())
}

/// Returns the months that have a partition on PostgreSQL.
pub(crate) async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Month>, Error> {
    #[derive(FromQueryResult)]
    struct Partition {
        name: String,
    }
    let sql = "SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
               WHERE inhparent = 'stock_prices'::regclass";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let partitions = Partition::find_by_statement(statement)
        .all(connection)
        .await?;
    let months = partitions.iter().map(|it| Month::of_table(&it.name));
    Ok(months.flatten().collect())
}

/// Creates a partition. It is attached after creation, which does not block readers.
async fn create(connection: &impl ConnectionTrait, month: Month) -> Result<(), Error> {
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
    tracing::info!(%name, "created a partition for prices");
    Ok(())
}
