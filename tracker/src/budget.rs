//! What may still be asked of a provider.
//!
//! One invariant: a request is charged in the database before it is sent, over all processes and restarts, so that in no
//! 60 seconds and on no day more are sent than the plan allows. The engine charges, `status` tells.

mod count;

use std::time::Duration;

use chrono::NaiveDate;
use entity::{Symbol, Timestamp, table::provider};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, QuerySelect,
};

use crate::{lease::Lease, provider::Budget, schedule::reserve};

/// The window of a budget per minute, and a second more: requests charged a minute apart may arrive a little closer.
const WINDOW: Duration = Duration::from_secs(61);
/// A request that took longer than this may have arrived much later than it was charged.
const SLOW: Duration = Duration::from_secs(1);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The plan: leaves the day's reserve alone.
    Scheduled,
    /// Another try of what failed before its next planned time: taken from the reserve, of which the last request is
    /// left for [`Purpose::Requested`]. So all retries of a day take less than a tenth of it, and nothing from the plan.
    Retry,
    /// Somebody waits for it.
    Requested,
    /// Nobody waits for it: leaves the reserve alone, and so many more for the plan.
    Spare {
        /// How many.
        keep: u32,
    },
}

/// The answer to whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// It may, and counts from now on.
    Granted(Granted),
    /// Not before this instant: the minute's requests are spent.
    MinuteSpent(Timestamp),
    /// Not before this instant: the day's requests are spent.
    DaySpent(Timestamp),
    /// Not before this instant by the plan: what is left of the day is its reserve.
    DayReserved(Timestamp),
    /// No retry before this instant: the day's retries are spent.
    RetriesSpent(Timestamp),
}

/// A request that was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its row, if there is a budget per minute.
    call: Option<i64>,
    /// How many are left in this minute.
    pub minute_left: Option<u32>,
    /// How many are left of this day, the reserve included.
    pub day_left: Option<u32>,
}

/// Charges one request for `symbols` to a provider, in a transaction of its own that also notes when the plan asked for
/// them. The provider's row in `providers` must exist.
pub async fn charge(
    lease: &Lease,
    name: &str,
    budget: Budget,
    purpose: Purpose,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<Charge, DbErr> {
    let transaction = lease.begin().await?;
    let row = locked(&transaction, name).await?;
    let mut day = Today::of(Some(&row), budget, now);
    if let Some(limit) = budget.per_day {
        if day.used >= limit {
            return Ok(Charge::DaySpent(day.resets_at));
        }
        // Retries have taken their part of the reserve already.
        let reserve = reserve(limit).saturating_sub(day.retries);
        let kept = match purpose {
            Purpose::Requested => 0,
            Purpose::Retry if reserve <= 1 => return Ok(Charge::RetriesSpent(day.resets_at)),
            Purpose::Retry => 1,
            Purpose::Scheduled => reserve,
            Purpose::Spare { keep } => reserve.saturating_add(keep),
        };
        if day.used >= limit.saturating_sub(kept) {
            return Ok(Charge::DayReserved(day.resets_at));
        }
    }
    let mut granted = Granted {
        call: None,
        minute_left: None,
        day_left: budget
            .per_day
            .map(|limit| limit.saturating_sub(day.used + 1)),
    };
    if let Some(limit) = budget.per_minute {
        count::forget(&transaction, name, now, WINDOW).await?;
        let used = count::used(&transaction, name, now, WINDOW).await?;
        if used >= limit {
            let again = count::free_at(&transaction, name, used - limit, WINDOW).await?;
            // Refused, and yet there is something to keep: requests that a clock moved into the future count from now.
            transaction.commit().await?;
            return Ok(Charge::MinuteSpent(again.unwrap_or(now)));
        }
        granted.minute_left = Some(limit - used - 1);
        granted.call = Some(count::add(&transaction, name, now).await?);
    }
    let retry = u32::from(purpose == Purpose::Retry);
    day.used += 1;
    day.retries += retry;
    day.write(&transaction, row).await?;
    if matches!(purpose, Purpose::Scheduled | Purpose::Retry) {
        store::stock::asked(&transaction, symbols, now).await?;
    }
    transaction.commit().await?;
    Ok(Charge::Granted(granted))
}

/// Counts a request that took long from its end: it arrived at some time until then.
pub async fn settle(
    lease: &Lease,
    granted: Granted,
    took: Duration,
    now: Timestamp,
) -> Result<(), DbErr> {
    let Some(call) = granted.call.filter(|_| took > SLOW) else {
        return Ok(());
    };
    let transaction = lease.begin().await?;
    count::move_to(&transaction, call, now).await?;
    transaction.commit().await
}

/// The provider says that the day is spent, whatever was counted here. Answers when it is whole again.
pub async fn spend_day(
    lease: &Lease,
    name: &str,
    budget: Budget,
    now: Timestamp,
) -> Result<Timestamp, DbErr> {
    let transaction = lease.begin().await?;
    let row = locked(&transaction, name).await?;
    let mut day = Today::of(Some(&row), budget, now);
    day.used = budget.per_day.unwrap_or(day.used).max(day.used);
    day.write(&transaction, row).await?;
    transaction.commit().await?;
    Ok(day.resets_at)
}

/// What a budget has left, as far as it is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) minute: Option<u32>,
    /// The reserve included.
    pub(crate) day: Option<u32>,
}

/// What is left at `now`: without what anybody took or the provider called spent, with what time gave back.
pub(crate) async fn left(
    connection: &DatabaseConnection,
    name: &str,
    budget: Budget,
    now: Timestamp,
) -> Result<Left, DbErr> {
    let mut left = Left {
        minute: None,
        day: None,
    };
    if let Some(limit) = budget.per_minute {
        let used = count::used(connection, name, now, WINDOW).await?;
        left.minute = Some(limit.saturating_sub(used));
    }
    if let Some(limit) = budget.per_day {
        let row = provider::Entity::find_by_id(name).one(connection).await?;
        let today = Today::of(row.as_ref(), budget, now);
        left.day = Some(limit.saturating_sub(today.used));
    }
    Ok(left)
}

/// The provider's row, locked where rows are.
async fn locked(transaction: &DatabaseTransaction, name: &str) -> Result<provider::Model, DbErr> {
    provider::Entity::find_by_id(name)
        .lock_exclusive()
        .one(transaction)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound(format!("provider {name}")))
}

/// A budget's day.
struct Today {
    date: NaiveDate,
    used: u32,
    /// Retries among them.
    retries: u32,
    resets_at: Timestamp,
}

impl Today {
    /// The day at `now`; the row's own, should the clock have stepped back into the day before.
    fn of(row: Option<&provider::Model>, budget: Budget, now: Timestamp) -> Self {
        let date = budget.day.date(now);
        let known = row.and_then(|row| Some((row, row.day.filter(|known| *known >= date)?)));
        match known {
            Some((row, day)) => Self {
                date: day,
                used: u32::try_from(row.day_used).unwrap_or(0),
                retries: u32::try_from(row.day_retries).unwrap_or(0),
                resets_at: row
                    .day_resets_at
                    .unwrap_or_else(|| budget.day.next_midnight(now)),
            },
            None => Self {
                date,
                used: 0,
                retries: 0,
                resets_at: budget.day.next_midnight(now),
            },
        }
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        row: provider::Model,
    ) -> Result<(), DbErr> {
        let mut row = row.into_active_model();
        row.day = Set(Some(self.date));
        row.day_used = Set(i32::try_from(self.used).unwrap_or(i32::MAX));
        row.day_retries = Set(i32::try_from(self.retries).unwrap_or(i32::MAX));
        row.day_resets_at = Set(Some(self.resets_at));
        row.update(transaction).await?;
        Ok(())
    }
}
