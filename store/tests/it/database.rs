//! Connecting, migrating, health checks and transactions.

use std::time::Duration;

use runtime::{
    config::Program,
    health::{DatabaseProbe, DatabaseState, Health},
    lifecycle::Lifecycle,
    random::Random,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, Statement};
use store::database::{Database, DatabaseKind};
use testkit::{FaultProxy, TestDatabase, TestDatabaseUrl, on_both_databases, settings};

async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await;
    let row = row.expect("a result").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

async fn run(transaction: &DatabaseTransaction, sql: &str) {
    transaction.execute_unprepared(sql).await.expect("execute");
}

on_both_databases! {
    async fn a_test_database_is_reachable_and_migrated(database) {
        assert_eq!(database.check().await, DatabaseState::Initialized);
        assert!(database.is_migrated().await.expect("check the schema"));
        database.migrate().await.expect("migrate again");
        database.wait_until_migrated().await;
    }

    async fn a_database_migrated_by_a_newer_version_is_used_as_it_is(database) {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000001_to_come', 0)";
        database.write().execute_unprepared(newer).await.expect("change the migrations");
        database.migrate().await.expect("nothing is done");
        assert!(database.is_migrated().await.expect("check the schema"));
        // A database that lacks one of our migrations is not one of a newer version.
        let lacking = "DELETE FROM seaql_migrations WHERE version = (SELECT MIN(version) FROM seaql_migrations)";
        database.write().execute_unprepared(lacking).await.expect("change the migrations");
        assert!(database.migrate().await.is_err());
        assert!(database.is_migrated().await.is_err());
    }

    async fn readers_see_committed_rows_only(database) {
        let begun = database.begin_write().await.expect("a transaction");
        run(&begun, "CREATE TABLE proof (value BIGINT)").await;
        run(&begun, "INSERT INTO proof VALUES (1)").await;
        begun.commit().await.expect("commit");

        let begun = database.begin_write().await.expect("a transaction");
        run(&begun, "INSERT INTO proof VALUES (2)").await;
        assert_eq!(number(database.read(), "SELECT COUNT(*) FROM proof").await, 1);
        begun.rollback().await.expect("roll back");
        assert_eq!(number(database.read(), "SELECT COUNT(*) FROM proof").await, 1);
    }

    async fn concurrent_writers_queue(database) {
        let begun = database.begin_write().await.expect("a transaction");
        run(&begun, "CREATE TABLE proof (value BIGINT)").await;
        begun.commit().await.expect("commit");
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let database = (*database).clone();
            writers.spawn(async move {
                let begun = database.begin_write().await.expect("a transaction");
                run(&begun, "INSERT INTO proof SELECT COUNT(*) FROM proof").await;
                tokio::time::sleep(Duration::from_millis(2)).await;
                begun.commit().await.expect("commit");
            });
        }
        while let Some(written) = writers.join_next().await {
            written.expect("no writer failed");
        }
        assert_eq!(number(database.read(), "SELECT COUNT(*) FROM proof").await, 20);
    }

    async fn only_postgresql_has_a_pool_of_sqlx(database) {
        let server = database.kind() == DatabaseKind::Postgres;
        assert_eq!(database.postgres_pool().is_some(), server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_migrate_once() {
    let place = TestDatabaseUrl::postgres().await;
    let mut databases = Vec::new();
    for _ in 0..6 {
        databases.push(place.connect().await);
    }
    assert!(!databases[0].is_migrated().await.expect("check the schema"));
    let mut starts = tokio::task::JoinSet::new();
    for database in databases {
        starts.spawn(async move { database.migrate().await });
    }
    while let Some(started) = starts.join_next().await {
        started.expect("no panic").expect("migrate");
    }
    assert!(
        place
            .connect()
            .await
            .is_migrated()
            .await
            .expect("check the schema")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_pool_does_not_look_like_a_dead_database() {
    let database = TestDatabase::postgres().await;
    let mut held = Vec::new();
    while let Ok(Ok(transaction)) =
        tokio::time::timeout(Duration::from_millis(500), database.begin_write()).await
    {
        held.push(transaction);
    }
    assert_eq!(database.check().await, DatabaseState::Initialized);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_by_the_server_are_replaced() {
    let database = TestDatabase::postgres().await;
    assert_eq!(number(database.read(), "SELECT 1::BIGINT").await, 1);
    let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    number(database.url().connect().await.read(), kill).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(number(database.read(), "SELECT 1::BIGINT").await, 1);
    assert_eq!(database.check().await, DatabaseState::Initialized);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_begin_does_not_swallow_later_writes() {
    let database = TestDatabase::postgres().await;
    let observer = database.url().connect().await;
    let made = "CREATE TABLE proof (value BIGINT)";
    let made = database.write().execute_unprepared(made).await;
    made.expect("create");
    for nth in 0..300 {
        // Cancels it at various points.
        let moment = async {
            for _ in 0..nth * 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            begun = database.begin_write() => drop(begun),
            () = moment => {}
        }
        let written = database.write();
        let written = written.execute_unprepared("INSERT INTO proof VALUES (1)");
        written.await.expect("write the row");
        let count = number(observer.read(), "SELECT COUNT(*) FROM proof").await;
        assert_eq!(count, nth + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_read_only_is_soon_writable_again() {
    let database = TestDatabase::postgres().await;
    let observer = database.url().connect().await;
    let operator = async |sql: &str| {
        let sql = format!(
            "BEGIN READ WRITE; \
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {sql}', current_database()); END $$; COMMIT"
        );
        let ordered = observer.write().execute_unprepared(&sql).await;
        ordered.expect("execute");
    };
    let write = async || {
        let begun = database.begin_write().await?;
        let written = begun
            .execute_unprepared("INSERT INTO proof VALUES (1)")
            .await;
        drop(begun);
        written.map(drop).map_err(store::Error::from)
    };
    let made = "CREATE TABLE proof (value BIGINT)";
    let made = database.write().execute_unprepared(made).await;
    made.expect("create");
    operator("SET default_transaction_read_only = on").await;
    let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'stock-tracker api' \
                AND pid <> pg_backend_pid()";
    number(observer.read(), kill).await;
    // Concurrently, so that several sessions are read-only.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(
            database.check().await,
            DatabaseState::Initialized,
            "it can be read"
        );
        let (one, other) = tokio::join!(write(), write());
        assert!(one.is_err() && other.is_err(), "it cannot be written");
    }
    operator("RESET default_transaction_read_only").await;
    assert_eq!(database.check().await, DatabaseState::Initialized);
    for _ in 0..8 {
        let (one, other) = tokio::join!(write(), write());
        assert!(
            one.is_ok() && other.is_ok(),
            "it can be written: {one:?}, {other:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migrated_read_only_database_needs_no_write() {
    let database = TestDatabase::postgres().await;
    let only_read = "SET default_transaction_read_only = on";
    let ordered = database.write().execute_unprepared(only_read).await;
    ordered.expect("execute");
    database.migrate().await.expect("nothing is missing");
}

#[tokio::test]
async fn sessions_have_a_name_and_bound_silent_clients() {
    let database = TestDatabase::postgres().await;
    let sql = "SELECT COUNT(*) FROM pg_settings WHERE (name, setting) IN \
               (('application_name', 'stock-tracker api'), ('tcp_keepalives_idle', '10'), \
                ('idle_in_transaction_session_timeout', '5000'))";
    assert_eq!(number(database.read(), sql).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_writer_blocks_others_for_a_few_seconds_only() {
    let database = TestDatabase::postgres().await;
    let begun = database.begin_write().await.expect("a transaction");
    run(&begun, "CREATE TABLE proof AS SELECT 1 AS value").await;
    begun.commit().await.expect("commit");
    let silent = database.begin_write().await.expect("a transaction");
    run(&silent, "UPDATE proof SET value = 2").await;

    let other = database.url().connect().await;
    let begun = other.begin_write().await.expect("a transaction");
    let waiting = run(&begun, "UPDATE proof SET value = value + 2");
    let waited = tokio::time::timeout(Duration::from_secs(15), waiting).await;
    waited.expect("the lock is free again");
    begun.commit().await.expect("commit");
    assert!(
        silent.commit().await.is_err(),
        "its transaction was rolled back"
    );
    let sum = "SELECT SUM(value) FROM proof";
    assert_eq!(number(other.read(), sum).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_its_end_are_detected_within_five_seconds() {
    let place = TestDatabaseUrl::migrated_postgres().await;
    let (mut proxy, url) = FaultProxy::for_database(place.as_str()).await;
    let settings = settings(Program::Api, &[("DATABASE_URL", &url)]).database;
    let database = Database::connect(&settings, Program::Api).await;
    let database = database.expect("connect");
    let lifecycle = Lifecycle::without_signals(Duration::from_secs(1), Random::seeded(1));
    let shutdown = lifecycle.shutdown();
    let health = Health::new(shutdown);
    health.migrated();
    shutdown.track({
        let (health, database) = (health.clone(), database.clone());
        let probe = async move { health.probe(database).await };
        let hard = shutdown.hard().clone();
        async move { hard.run_until_cancelled(probe).await }
    });
    let becomes = async |ready: bool| {
        while health.ready().is_ok() != ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let soon = Duration::from_secs(5);
    tokio::time::timeout(soon, becomes(true))
        .await
        .expect("ready");

    proxy.cut().await;
    tokio::time::timeout(soon, becomes(false))
        .await
        .expect("not ready");
    let refused = tokio::time::timeout(soon, database.begin_write()).await;
    assert!(refused.expect("fail in time").is_err());

    proxy.restore().await;
    tokio::time::timeout(soon, becomes(true))
        .await
        .expect("ready again");
    assert_eq!(number(database.read(), "SELECT 1::BIGINT").await, 1);

    // As if the database were replaced by an empty one.
    for (sql, state) in [
        (
            "ALTER TABLE seaql_migrations RENAME TO elsewhere",
            DatabaseState::Uninitialized,
        ),
        (
            "ALTER TABLE elsewhere RENAME TO seaql_migrations",
            DatabaseState::Initialized,
        ),
    ] {
        let done = database.write().execute_unprepared(sql).await;
        done.expect("execute");
        tokio::time::timeout(soon, becomes(state == DatabaseState::Initialized))
            .await
            .expect("detected in time");
        assert_eq!(database.check().await, state);
    }
    shutdown.hard().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_until_the_database_is_reachable() {
    let place = TestDatabaseUrl::migrated_postgres().await;
    let (mut proxy, url) = FaultProxy::for_database(place.as_str()).await;
    proxy.cut().await;
    let settings = settings(Program::Api, &[("DATABASE_URL", &url)]).database;
    let (connected, ()) = tokio::join!(Database::connect(&settings, Program::Api), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.restore().await;
    });
    let state = connected.expect("connect").check().await;
    assert_eq!(state, DatabaseState::Initialized);
}

/// SQLite also does this when the disk is full.
#[tokio::test]
async fn a_transaction_that_sqlite_rolled_back_does_not_swallow_later_ones() {
    let place = TestDatabaseUrl::sqlite();
    let database = place.connect().await;
    let made = "CREATE TABLE proof (value INTEGER UNIQUE ON CONFLICT ROLLBACK); INSERT INTO proof VALUES (0)";
    let made = database.write().execute_unprepared(made).await;
    made.expect("create");
    for value in 1..=4 {
        // If sqlx still counted the first, the second would be a savepoint that stays open.
        for repeated in 0..value {
            let ended = database.begin_write().await.expect("a transaction");
            let again = format!("INSERT INTO proof VALUES ({repeated})");
            let again = ended.execute_unprepared(&again).await;
            assert!(again.is_err(), "the value exists");
            drop(ended);
            let failed = database.begin_write().await.expect("a transaction");
            let wrong = failed
                .execute_unprepared("INSERT INTO nothing VALUES (1)")
                .await;
            assert!(wrong.is_err(), "the table does not exist");
        }
        let begun = database.begin_write().await.expect("a transaction");
        run(&begun, &format!("INSERT INTO proof VALUES ({value})")).await;
        begun.commit().await.expect("commit");
        let count = number(database.read(), "SELECT COUNT(*) FROM proof").await;
        assert_eq!(count, value + 1, "committed rows are read");
    }
}
