//! What streams need: the stocks that they can carry, and whether an earlier tracker closed its
//! connections.

use std::time::Duration;

use entity::{Symbol, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{Error, lease::Lease, sql::Sql};

/// How long a stock counts as followed.
const FOLLOWED_FOR: Duration = Duration::from_mins(1);

/// A tracked stock.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct StreamedStock {
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it has an enabled rule or a subscriber.
    pub preferred: bool,
}

/// Returns the tracked stocks, in the order of their symbols.
pub async fn stocks(
    connection: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<StreamedStock>, Error> {
    let text = "SELECT symbol, (EXISTS (SELECT 1 FROM alert_rules \
                WHERE alert_rules.stock_id = stocks.id AND alert_rules.enabled) \
                OR EXISTS (SELECT 1 FROM followed_stocks \
                WHERE followed_stocks.stock_id = stocks.id AND followed_at > ";
    let sql = Sql::new(connection, text)
        .bind(now.before(FOLLOWED_FOR))
        .push(")) AS preferred FROM stocks WHERE tracked ORDER BY symbol");
    Ok(StreamedStock::find_by_statement(sql.statement())
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

/// Records that this tracker may have open connections. Returns whether an earlier one may have
/// some: it began, and did not [sign off](sign_off).
pub async fn begin(lease: &Lease) -> Result<bool, Error> {
    #[derive(FromQueryResult)]
    struct Holder {
        open: bool,
    }
    let transaction = lease.begin().await?;
    let select = Sql::new(&transaction, "SELECT open FROM stream_holders WHERE id = 1");
    let holder = Holder::find_by_statement(select.statement())
        .one(&transaction)
        .await?;
    set_open(&transaction, true).await?;
    transaction.commit().await?;
    Ok(holder.is_some_and(|holder| holder.open))
}

/// Records that this tracker has closed its connections.
pub async fn sign_off(lease: &Lease) -> Result<(), Error> {
    let transaction = lease.begin().await?;
    set_open(&transaction, false).await?;
    Ok(transaction.commit().await?)
}

async fn set_open(connection: &impl ConnectionTrait, open: bool) -> Result<(), Error> {
    let insert = Sql::new(
        connection,
        "INSERT INTO stream_holders (id, open) VALUES (1, ",
    )
    .bind(open)
    .push(") ON CONFLICT (id) DO UPDATE SET open = excluded.open");
    connection.execute_raw(insert.statement()).await?;
    Ok(())
}
