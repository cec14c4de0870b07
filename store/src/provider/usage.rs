//! Counts the requests that were sent to a provider, for its quota: the number of the current day
//! is in `providers`, and each request of the last minute is a row of `provider_calls`.
//!
//! A request arrives at the provider at some time between its reservation and its end. It is dated
//! to its end; while it is in flight, it counts as sent now, at most for [`MAX_IN_FLIGHT`] after
//! its reservation. So no window of arrivals has more requests than the counted ones.
//!
//! A [`UsageTransaction`] locks the provider's row, so concurrent reservations cannot exceed a
//! budget. It begins under the tracker's [`Lease`], so a tracker that lost the lease cannot
//! reserve.

use std::time::Duration;

use chrono::NaiveDate;
use entity::{
    Timestamp,
    table::{provider, provider_call},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect, sea_query::ExprTrait,
};

use crate::{
    Error,
    lease::Lease,
    sql::{Sql, execute_all, query_at_once},
};

/// A request arrives at most this long after it was reserved, even if its end is not recorded.
pub const MAX_IN_FLIGHT: Duration = Duration::from_secs(30);

/// The requests that were sent on a day of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayUsage {
    /// The date, in the time zone of the budget.
    pub date: NaiveDate,
    /// The number of requests.
    pub used: u32,
    /// The number of retries and searches among them.
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
        let update = self.update_day(day).statement();
        self.transaction.execute_raw(update).await?;
        Ok(())
    }

    fn update_day(&self, day: DayUsage) -> Sql {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Sql::new(&self.transaction, "UPDATE providers SET day = ")
            .bind(day.date)
            .push(", day_used = ")
            .bind(count(day.used))
            .push(", day_retries = ")
            .bind(count(day.retries))
            .push(", day_resets_at = ")
            .bind(day.resets_at)
            .push(" WHERE name = ")
            .bind(self.provider.name.as_str())
    }

    /// Deletes the requests that no window of this length counts any more. Requests after `now`,
    /// which a clock that ran ahead recorded, are re-dated to `now`.
    pub async fn expire_calls(&self, window: Duration, now: Timestamp) -> Result<(), Error> {
        execute_all(&self.transaction, self.expire(window, now).into()).await
    }

    fn expire(&self, window: Duration, now: Timestamp) -> [Sql; 2] {
        let provider = self.provider.name.as_str();
        let delete = Sql::new(
            &self.transaction,
            "DELETE FROM provider_calls WHERE provider = ",
        )
        .bind(provider)
        .push(" AND sent_at <= ")
        .bind(now.before(window + MAX_IN_FLIGHT));
        let date = Sql::new(&self.transaction, "UPDATE provider_calls SET sent_at = ")
            .bind(now)
            .push(" WHERE provider = ")
            .bind(provider)
            .push(" AND sent_at > ")
            .bind(now);
        [delete, date]
    }

    /// Returns the requests of a window that ends at `now`.
    pub async fn window(&self, window: Duration, now: Timestamp) -> Result<WindowUsage, Error> {
        window_usage(&self.transaction, &self.provider.name, window, now).await
    }

    /// Returns the total cost of the requests of a window that ends at `now`.
    pub async fn cost(&self, window: Duration, now: Timestamp) -> Result<u32, Error> {
        window_cost(&self.transaction, &self.provider.name, window, now).await
    }

    /// Returns the total cost of the requests that may have arrived since an instant.
    pub async fn cost_since(&self, since: Timestamp, now: Timestamp) -> Result<u32, Error> {
        let window = now.since(since) + Duration::from_micros(1);
        self.cost(window, now).await
    }

    /// Records a request that is in flight from now on, and the usage of its day. Returns its id.
    /// Also [expires](Self::expire_calls) the requests that no window of this length counts any
    /// more.
    pub async fn record_call(
        &self,
        now: Timestamp,
        cost: u32,
        day: DayUsage,
        window: Duration,
    ) -> Result<i64, Error> {
        let text = "INSERT INTO provider_calls (provider, sent_at, cost, in_flight) VALUES ";
        let row = vec![
            self.provider.name.as_str().into(),
            now.into(),
            i32::try_from(cost).unwrap_or(i32::MAX).into(),
            true.into(),
        ];
        let insert = Sql::new(&self.transaction, text)
            .bind_row(row)
            .push(" RETURNING id");
        let [delete, date] = self.expire(window, now);
        let statements = vec![delete, date, self.update_day(day), insert];
        let row = query_at_once(&self.transaction, statements).await?;
        let row = row.ok_or(Error::MissingRow("row in provider_calls".into()))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Commits the changes.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}

/// Records that a request ended. Does nothing if the request has expired.
pub async fn end_call(lease: &Lease, call: i64, ended_at: Timestamp) -> Result<(), Error> {
    let end = |sql: Sql| {
        sql.push("UPDATE provider_calls SET sent_at = ")
            .bind(ended_at)
            .push(", in_flight = false WHERE id = ")
            .bind(call)
    };
    lease.execute(end).await
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

/// The requests to a provider within a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowUsage {
    /// When each of them leaves the window, and its cost; in order.
    leaving: Vec<(Timestamp, u32)>,
}

impl WindowUsage {
    /// Returns the total cost of the requests.
    pub fn used(&self) -> u32 {
        let costs = self.leaving.iter().map(|(_, cost)| *cost);
        costs.fold(0, u32::saturating_add)
    }

    /// Returns when the total cost is at most `used`, without further requests; `None` if it is
    /// now. An estimate while requests are in flight.
    pub fn falls_to(&self, used: u32) -> Option<Timestamp> {
        let mut total = self.used();
        let mut leaving = self.leaving.iter();
        let mut at = None;
        while total > used {
            let (leaves, cost) = leaving.next()?;
            total = total.saturating_sub(*cost);
            at = Some(*leaves);
        }
        at
    }

    /// Returns when the first request leaves the window; `None` without requests.
    pub fn first_leaves(&self) -> Option<Timestamp> {
        self.leaving.first().map(|(leaves, _)| *leaves)
    }
}

/// Returns the total cost of the requests to a provider in a window that ends at `now`.
pub async fn window_cost(
    connection: &impl ConnectionTrait,
    provider: &str,
    window: Duration,
    now: Timestamp,
) -> Result<u32, Error> {
    let total = provider_call::Entity::find()
        .select_only()
        .expr(provider_call::Column::Cost.sum())
        .filter(within(provider, window, now))
        .into_tuple::<Option<i64>>()
        .one(connection)
        .await?;
    let total = total.flatten().unwrap_or(0);
    Ok(u32::try_from(total).unwrap_or(u32::MAX))
}

/// Returns the requests to a provider in a window that ends at `now`.
pub async fn window_usage(
    connection: &impl ConnectionTrait,
    provider: &str,
    window: Duration,
    now: Timestamp,
) -> Result<WindowUsage, Error> {
    let calls = provider_call::Entity::find()
        .filter(within(provider, window, now))
        .all(connection)
        .await?;
    let leaving = calls.into_iter().map(|call| {
        let sent_at = if call.in_flight {
            Ord::max(call.sent_at, now)
        } else {
            call.sent_at
        };
        (sent_at.after(window), u32::try_from(call.cost).unwrap_or(0))
    });
    let mut leaving: Vec<_> = leaving.collect();
    leaving.sort();
    Ok(WindowUsage { leaving })
}

/// The requests to a provider in a window that ends at `now`.
fn within(provider: &str, window: Duration, now: Timestamp) -> Condition {
    let start = now.before(window);
    let in_flight = provider_call::Column::InFlight.eq(true);
    let sent_at = provider_call::Column::SentAt;
    // The lower bound of all of them, for the index.
    Condition::all()
        .add(provider_call::Column::Provider.eq(provider))
        .add(sent_at.gt(start.before(MAX_IN_FLIGHT)))
        .add(sent_at.gt(start).or(in_flight))
}
