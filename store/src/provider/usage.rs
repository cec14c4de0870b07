//! Counts the requests that were sent to a provider, for its quota: the number of the current day
//! is in `providers`, and each request of the last minute is a row of `provider_calls`.
//!
//! A [`UsageTransaction`] locks the provider's row, so concurrent reservations cannot exceed a
//! budget. It begins under the tracker's [`Lease`], so a tracker that lost the lease cannot
//! reserve.

use chrono::NaiveDate;
use entity::{
    Timestamp,
    table::{provider, provider_call},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::{Error, lease::Lease};

/// The requests that were sent on a day of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsage {
    /// The date, in the time zone of the budget.
    pub date: NaiveDate,
    /// The number of requests.
    pub used: u32,
    /// The number of retries among them.
    pub retries: u32,
    /// When the next day begins.
    pub resets_at: Option<Timestamp>,
}

impl DayUsage {
    fn of(row: &provider::Model) -> Option<Self> {
        Some(Self {
            date: row.day?,
            used: u32::try_from(row.day_used).unwrap_or(0),
            retries: u32::try_from(row.day_retries).unwrap_or(0),
            resets_at: row.day_resets_at,
        })
    }
}

/// A transaction that reads and updates the usage of one provider. Rolls back if dropped without
/// [`commit`](Self::commit).
pub struct UsageTransaction {
    transaction: DatabaseTransaction,
    provider: provider::Model,
}

impl UsageTransaction {
    /// Locks the row of a provider.
    ///
    /// # Errors
    /// The row does not exist, or the lease is lost.
    pub async fn begin(lease: &Lease, provider: &str) -> Result<Self, Error> {
        let transaction = lease.begin().await?;
        // SQLite ignores row locks: a write transaction is the only writer.
        let row = provider::Entity::find_by_id(provider)
            .lock_exclusive()
            .one(&transaction)
            .await?
            .ok_or_else(|| Error::MissingRow(format!("provider {provider}").into()))?;
        Ok(Self {
            transaction,
            provider: row,
        })
    }

    /// The connection to write with.
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Returns the usage of the last day on which a request was sent.
    pub fn day(&self) -> Option<DayUsage> {
        DayUsage::of(&self.provider)
    }

    /// Stores the usage of a day.
    pub async fn set_day(&self, day: DayUsage) -> Result<(), Error> {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let row = provider::ActiveModel {
            name: Set(self.provider.name.clone()),
            day: Set(Some(day.date)),
            day_used: Set(count(day.used)),
            day_retries: Set(count(day.retries)),
            day_resets_at: Set(day.resets_at),
            ..Default::default()
        };
        row.update(&self.transaction).await?;
        Ok(())
    }

    /// Deletes the requests that were sent until `until`. Requests after `now`, which a clock that
    /// ran ahead recorded, are re-dated to `now`.
    pub async fn expire_calls(&self, until: Timestamp, now: Timestamp) -> Result<(), Error> {
        let of_provider = provider_call::Column::Provider.eq(&self.provider.name);
        provider_call::Entity::delete_many()
            .filter(of_provider.clone())
            .filter(provider_call::Column::SentAt.lte(until))
            .exec(&self.transaction)
            .await?;
        provider_call::Entity::update_many()
            .col_expr(provider_call::Column::SentAt, Expr::value(now))
            .filter(of_provider)
            .filter(provider_call::Column::SentAt.gt(now))
            .exec(&self.transaction)
            .await?;
        Ok(())
    }

    /// Returns the number of requests that were sent after `after`.
    pub async fn calls_after(&self, after: Timestamp) -> Result<u32, Error> {
        calls_after(&self.transaction, &self.provider.name, after).await
    }

    /// Returns when the oldest request was sent, after skipping the `skipped` oldest ones.
    pub async fn oldest_call(&self, skipped: u32) -> Result<Option<Timestamp>, Error> {
        let call = provider_call::Entity::find()
            .filter(provider_call::Column::Provider.eq(&self.provider.name))
            .order_by_asc(provider_call::Column::SentAt)
            .offset(u64::from(skipped))
            .one(&self.transaction)
            .await?;
        Ok(call.map(|call| call.sent_at))
    }

    /// Records a request. Returns its id.
    pub async fn record_call(&self, sent_at: Timestamp) -> Result<i64, Error> {
        let row = provider_call::ActiveModel {
            id: NotSet,
            provider: Set(self.provider.name.clone()),
            sent_at: Set(sent_at),
        };
        Ok(row.insert(&self.transaction).await?.id)
    }

    /// Commits the changes.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}

/// Changes when a request was sent. Does nothing if the request has expired.
pub async fn redate_call(lease: &Lease, call: i64, sent_at: Timestamp) -> Result<(), Error> {
    let transaction = lease.begin().await?;
    provider_call::Entity::update_many()
        .col_expr(provider_call::Column::SentAt, Expr::value(sent_at))
        .filter(provider_call::Column::Id.eq(call))
        .exec(&transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// Returns the usage of the last day on which a request was sent to a provider.
pub async fn day(
    connection: &impl ConnectionTrait,
    provider: &str,
) -> Result<Option<DayUsage>, Error> {
    let row = provider::Entity::find_by_id(provider)
        .one(connection)
        .await?;
    Ok(row.as_ref().and_then(DayUsage::of))
}

/// Returns the number of requests that were sent to a provider after `after`.
pub async fn calls_after(
    connection: &impl ConnectionTrait,
    provider: &str,
    after: Timestamp,
) -> Result<u32, Error> {
    let calls = sent_after(provider, after).count(connection).await?;
    Ok(u32::try_from(calls).unwrap_or(u32::MAX))
}

/// Returns when the first of the requests after `after` was sent.
pub async fn first_call_after(
    connection: &impl ConnectionTrait,
    provider: &str,
    after: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let call = sent_after(provider, after)
        .order_by_asc(provider_call::Column::SentAt)
        .one(connection)
        .await?;
    Ok(call.map(|call| call.sent_at))
}

fn sent_after(provider: &str, after: Timestamp) -> sea_orm::Select<provider_call::Entity> {
    provider_call::Entity::find()
        .filter(provider_call::Column::Provider.eq(provider))
        .filter(provider_call::Column::SentAt.gt(after))
}
