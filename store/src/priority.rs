//! Which stocks are polled and streamed before others: those that have a rule or a subscriber.

use std::time::Duration;

use entity::{Symbol, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{Error, sql::Sql};

/// How long a stock counts as followed.
const FOLLOWED_FOR: Duration = Duration::from_mins(1);

/// The priority of a tracked stock.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct StockPriority {
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it has an enabled rule or a subscriber.
    pub preferred: bool,
}

/// Returns the priorities of the tracked stocks, in the order of their symbols.
pub async fn priorities(
    connection: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<StockPriority>, Error> {
    let text = "SELECT symbol, (EXISTS (SELECT 1 FROM alert_rules \
                WHERE alert_rules.stock_id = stocks.id AND alert_rules.enabled) \
                OR EXISTS (SELECT 1 FROM followed_stocks \
                WHERE followed_stocks.stock_id = stocks.id AND followed_at > ";
    let sql = Sql::new(connection, text)
        .bind(now.before(FOLLOWED_FOR))
        .push(")) AS preferred FROM stocks WHERE tracked ORDER BY symbol");
    Ok(StockPriority::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Records that subscribers follow stocks now. Stocks that do not exist are ignored, and those that
/// were followed long ago are deleted.
pub async fn follow(
    connection: &impl ConnectionTrait,
    stock_ids: &[i64],
    now: Timestamp,
) -> Result<(), Error> {
    let text = "DELETE FROM followed_stocks WHERE followed_at <= ";
    let delete = Sql::new(connection, text).bind(now.before(FOLLOWED_FOR));
    connection.execute_raw(delete.statement()).await?;
    if stock_ids.is_empty() {
        return Ok(());
    }
    let insert = Sql::new(
        connection,
        "INSERT INTO followed_stocks (stock_id, followed_at) SELECT id, ",
    )
    .push("CAST(")
    .bind(now)
    .push(" AS BIGINT) FROM stocks WHERE id")
    .eq_any(stock_ids)
    .push(" ON CONFLICT (stock_id) DO UPDATE SET followed_at = excluded.followed_at");
    connection.execute_raw(insert.statement()).await?;
    Ok(())
}
