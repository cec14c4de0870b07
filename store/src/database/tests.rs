//! Opening databases, and checkpoints of SQLite. The tests that run on both databases are in
//! `tests/it`.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use sea_orm::{ConnectionTrait, Statement};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

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
    let (_folder, _, database) = open_file().await;
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
    let version = text(&database, "SELECT sqlite_version()").await;
    let version: Vec<u32> = version.split('.').flat_map(str::parse).collect();
    assert!(version >= vec![3, 51, 3], "damages files: {version:?}");
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

/// The size of a page and its header in the log.
const PAGE: u64 = 4_096;

/// Opens a new file in a temporary folder.
async fn open_file() -> (TempDir, PathBuf, Database) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stocks.db");
    let database = connect(&url(&file)).await.expect("open the database");
    (folder, file, database)
}

/// Writes at least this number of pages to the log, in one commit.
async fn write_pages(database: &Database, count: u32) {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS pages (page BLOB); INSERT INTO pages WITH RECURSIVE \
         step(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM step WHERE at < {count}) \
         SELECT zeroblob(4000) FROM step"
    );
    let written = database.write().execute_unprepared(&sql).await;
    written.expect("write the pages");
}

/// The number of pages in a file.
fn pages(file: &Path) -> u64 {
    file.metadata().expect("the file").len() / PAGE
}

#[tokio::test]
async fn a_long_log_is_copied_outside_of_commits_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stocks.db");
    // The log is beside the file, not beside the link.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let log = folder.path().join("stocks.db-wal");
    let database = connect(&url(&link)).await.expect("open the database");
    let mut checkpoints = database.checkpoints.clone().expect("a file");
    assert_eq!(checkpoints.log.as_ref(), Some(&log));

    write_pages(&database, 500).await;
    checkpoints.run().await.expect("run no checkpoint");
    assert!(pages(&file) < 10, "a short log was copied");
    write_pages(&database, 2_000).await;
    assert!(pages(&file) < 10, "a commit copied the log");
    let written = pages(&log);
    assert!(written > 2_500, "{written} pages in the log");
    checkpoints.run().await.expect("run a checkpoint");
    assert!(pages(&file) > 2_500, "{} pages copied", pages(&file));
    write_pages(&database, 1).await;
    assert_eq!(pages(&log), written, "the log has grown");
}

#[tokio::test]
async fn a_commit_copies_a_log_that_the_task_does_not_copy() {
    let (_folder, file, database) = open_file().await;
    write_pages(&database, 11_000).await;
    assert!(pages(&file) > 11_000, "{} pages copied", pages(&file));
}

#[tokio::test]
async fn checkpoints_are_run_periodically() {
    let (_folder, file, database) = open_file().await;
    write_pages(&database, 2_000).await;
    let copied = async {
        while pages(&file) < 2_000 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = database.clone().run_checkpoints() => panic!("it ended"),
        copied = timeout(Duration::from_mins(1), copied) => copied.expect("the log is copied"),
    }
}

#[tokio::test]
async fn synchronous_follows_the_url() {
    for (value, pragma, writes_log) in [("off", "0", false), ("full", "2", true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let url = url(&folder.path().join("stocks.db"));
        let url = format!("{url}&synchronous={value}");
        let database = connect(&url).await.expect("open the database");
        assert_eq!(text(&database, "PRAGMA synchronous").await, pragma);
        let checkpoints = database.checkpoints.expect("a file");
        assert_eq!(checkpoints.log.is_some(), writes_log, "{value}");
    }
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
