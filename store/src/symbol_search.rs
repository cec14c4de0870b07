//! The searches for symbols that were sent to providers, in `symbol_searches`.
//!
//! A search is recorded [before](begin) it is sent, so that restarts and takeovers keep to the
//! limits. Its matches are stored when it [ends](finish), and are a cache for the same search.

use entity::{SymbolMatch, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Error, rows::Rows, sql::Sql};

/// Maximum number of matches in a result.
pub const MAX_MATCHES: usize = 50;

/// The result of a search, from all providers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The symbols that were found, best first.
    pub matches: Vec<SymbolMatch>,
    /// The providers whose symbols may be missing.
    pub skipped: Vec<SkippedProvider>,
}

/// A provider that did not search, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedProvider {
    /// The name of the provider; `None` if no tracker took the search.
    pub provider: Option<String>,
    /// Why, for people.
    pub reason: String,
}

/// The matches of a provider for a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedSearch {
    /// The name of the provider.
    pub provider: String,
    /// The symbols that it found, best first.
    pub matches: Vec<SymbolMatch>,
}

/// Returns the newest matches of each provider for a text, from searches since an instant.
pub async fn cached(
    connection: &impl ConnectionTrait,
    query: &str,
    since: Timestamp,
) -> Result<Vec<CachedSearch>, Error> {
    let columns = ["provider", "matches"];
    let rows = Rows::select(connection, &columns, |sql| {
        sql.push(
            " FROM (SELECT provider, matches, ROW_NUMBER() OVER \
              (PARTITION BY provider ORDER BY searched_at DESC, id DESC) AS age \
              FROM symbol_searches WHERE query = ",
        )
        .bind(query)
        .push(" AND matches IS NOT NULL AND searched_at > ")
        .bind(since)
        .push(") newest WHERE age = 1")
    });
    let rows = rows.read(connection).await?;
    rows.into_iter()
        .map(|row| {
            let matches: String = row.get(1)?;
            Ok(CachedSearch {
                provider: row.get(0)?,
                matches: serde_json::from_str(&matches).map_err(Error::Serialize)?,
            })
        })
        .collect()
}

/// Returns the number of searches that were sent to a provider since an instant.
pub async fn count_since(
    connection: &impl ConnectionTrait,
    provider: &str,
    since: Timestamp,
) -> Result<u64, Error> {
    let text = "SELECT COUNT(*) AS value FROM symbol_searches WHERE provider = ";
    let sql = Sql::new(connection, text)
        .bind(provider)
        .push(" AND searched_at > ")
        .bind(since);
    let count = integer(connection, sql).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Records a search that is sent now. Returns its id.
pub async fn begin(
    connection: &impl ConnectionTrait,
    provider: &str,
    query: &str,
    now: Timestamp,
) -> Result<i64, Error> {
    let text = "INSERT INTO symbol_searches (provider, query, searched_at) VALUES ";
    let row = vec![provider.into(), query.into(), now.into()];
    let sql = Sql::new(connection, text)
        .bind_row(row)
        .push(" RETURNING id AS value");
    integer(connection, sql).await
}

/// Stores the matches of a search.
pub async fn finish(
    connection: &impl ConnectionTrait,
    id: i64,
    matches: &[SymbolMatch],
) -> Result<(), Error> {
    let matches = serde_json::to_string(matches).map_err(Error::Serialize)?;
    let sql = Sql::new(connection, "UPDATE symbol_searches SET matches = ")
        .bind(matches)
        .push(" WHERE id = ")
        .bind(id);
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}

/// Deletes the searches before an instant.
pub async fn delete_before(
    connection: &impl ConnectionTrait,
    before: Timestamp,
) -> Result<(), Error> {
    let text = "DELETE FROM symbol_searches WHERE searched_at < ";
    let sql = Sql::new(connection, text).bind(before);
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}

async fn integer(connection: &impl ConnectionTrait, sql: Sql) -> Result<i64, Error> {
    #[derive(FromQueryResult)]
    struct Integer {
        value: i64,
    }
    let found = Integer::find_by_statement(sql.statement())
        .one(connection)
        .await?;
    let missing = || Error::MissingRow("row of symbol_searches".into());
    Ok(found.ok_or_else(missing)?.value)
}
