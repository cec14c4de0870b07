//! Opening databases. The tests that run on both databases are in `tests/it`.

use std::{path::Path, time::Instant};

use sea_orm::{ConnectionTrait, Statement};

use runtime::config::{DatabaseSettings, DatabaseUrl, Program};

use super::*;

async fn connect(url: &str) -> Result<Database, DatabaseError> {
    connect_for(url, None).await
}

async fn connect_for(
    url: &str,
    statement_time: Option<Duration>,
) -> Result<Database, DatabaseError> {
    let settings = DatabaseSettings {
        statement_time,
        url: DatabaseUrl::parse(url).expect("a URL"),
        migrate: true,
        wait: Duration::from_millis(300),
    };
    Database::connect(&settings, Program::Api).await
}

fn url(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

async fn failure(url: &str) -> String {
    let error = connect(url).await.expect_err("it fails");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

async fn text(database: &Database, sql: &str) -> String {
    let statement = Statement::from_string(database.write().get_database_backend(), sql);
    let row = database.write().query_one_raw(statement).await;
    let row = row.expect("a result").expect("a row");
    row.try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i32>(0).map(|it| it.to_string()))
        .expect("a value")
}

#[tokio::test]
async fn a_sqlite_file_is_in_wal_mode_and_readers_cannot_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stocks.db");
    let database = connect(&url(&file)).await.expect("open the database");
    assert_eq!(text(&database, "PRAGMA journal_mode").await, "wal");
    assert_eq!(text(&database, "PRAGMA synchronous").await, "1");
    assert_eq!(text(&database, "PRAGMA foreign_keys").await, "1");
    for (option, is_used) in [
        ("ENABLE_QPSG", "1"),
        ("DEFAULT_MEMSTATUS=0", "1"),
        ("ENABLE_MEMORY_MANAGEMENT", "0"),
    ] {
        let query = format!("SELECT sqlite_compileoption_used('{option}')");
        assert_eq!(text(&database, &query).await, is_used, "{option}");
    }
    assert_eq!(database.check().await, DatabaseState::Initialized);
    database.migrate().await.expect("migrate");
    database.migrate().await.expect("again");
    assert!(database.is_migrated().await.expect("check the schema"));
    let refused = database.read().execute_unprepared("DELETE FROM stocks");
    assert!(refused.await.is_err(), "a reader wrote");
}

#[tokio::test]
async fn a_slow_read_of_sqlite_is_interrupted_and_the_next_one_has_a_new_deadline() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = url(&folder.path().join("stocks.db"));
    let time = Duration::from_millis(500);
    let database = connect_for(&url, Some(time))
        .await
        .expect("open the database");
    let count = |to: u64| {
        format!(
            "WITH RECURSIVE step(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM step WHERE at < {to}) \
             SELECT COUNT(*) FROM step"
        )
    };
    for _ in 0..3 {
        let begun = Instant::now();
        let endless = count(u64::MAX >> 2);
        let cut = database.read().execute_unprepared(&endless).await;
        let error = cut.expect_err("it is interrupted").to_string();
        assert!(error.contains("interrupted"), "{error}");
        assert!(begun.elapsed() >= time);
        // Long enough for SQLite to check the deadline.
        let short = database.read().execute_unprepared(&count(5_000)).await;
        short.expect("complete in time");
    }
}

#[tokio::test]
async fn synchronous_follows_the_url() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("{}&synchronous=full", url(&folder.path().join("stocks.db")));
    let database = connect(&url).await.expect("open the database");
    assert_eq!(text(&database, "PRAGMA synchronous").await, "2");
}

#[tokio::test]
async fn an_in_memory_database_is_shared_by_readers_and_the_writer() {
    for url in ["sqlite::memory:", "sqlite://stocks?mode=memory"] {
        let database = connect(url).await.expect("open the database");
        database.migrate().await.expect("migrate");
        assert!(database.is_migrated().await.expect("check the schema"));
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_rejected_until_the_first_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stocks.db");
    let first = connect(&url(&file)).await.expect("open the database");
    let spelled_otherwise = folder.path().join(".").join("stocks.db");
    let error = connect(&url(&spelled_otherwise)).await.expect_err("taken");
    assert!(matches!(error, DatabaseError::Locked { .. }), "{error}");
    first.close().await;
    drop(first);
    connect(&url(&file)).await.expect("the lock is released");
}

#[tokio::test]
async fn an_unusable_sqlite_file_is_reported_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().display().to_string();
    let redact = |text: String| text.replace(&root, "…");
    insta::assert_snapshot!(
        redact(failure(&url(&folder.path().join("missing/stocks.db"))).await),
        @"the directory of …/missing/stocks.db does not exist"
    );
    insta::assert_snapshot!(
        redact(failure(&format!("sqlite://{root}/stocks.db")).await),
        @"…/stocks.db does not exist; add ?mode=rwc to DATABASE_URL to create it"
    );
    insta::assert_snapshot!(redact(failure(&url(folder.path())).await), @"cannot write …: is a directory");
    std::fs::write(
        folder.path().join("text.db"),
        "this is text, not a database".repeat(99),
    )
    .expect("write the row");
    let message = redact(failure(&url(&folder.path().join("text.db"))).await);
    assert!(
        message.starts_with("cannot open …/text.db: ") && !message.contains('\n'),
        "{message}"
    );
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let begun = Instant::now();
    let message = failure("postgres://me:S3CRET@127.0.0.1:1/stocks").await;
    assert!(
        message.starts_with(
            "PostgreSQL at 127.0.0.1:1, database stocks did not accept a connection within 300ms: "
        ),
        "{message}"
    );
    assert!(
        !message.contains("S3CRET") && !message.contains('\n'),
        "{message}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}
