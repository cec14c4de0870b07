//! Whether an earlier tracker closed its connections to streams.

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{Error, lease::Lease, sql::Sql};

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
