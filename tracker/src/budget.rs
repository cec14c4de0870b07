//! Reserves requests from a provider's quota (rate limit per minute and per day).
//!
//! A request is reserved in the database before it is sent. The limits therefore hold across all
//! processes and restarts: the plan's quota is not exceeded in any 60 seconds or on any day.

use std::time::Duration;

use chrono::NaiveDate;
use entity::{Symbol, Timestamp};
use store::{
    Error, Store,
    lease::Lease,
    provider::usage::{self, DayUsage, UsageTransaction},
};

use crate::{provider::RequestBudget, schedule};

/// The window of the quota per minute. The extra second allows for requests that arrive closer
/// together than they were reserved.
const WINDOW: Duration = Duration::from_secs(61);
/// A request that takes longer is slow: it may arrive much later than it was reserved.
const SLOW: Duration = Duration::from_secs(1);

/// The purpose of a request, which decides whether it may use the day's reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A scheduled poll. It does not use the reserve.
    Scheduled,
    /// A retry before the next scheduled poll. It uses the reserve except for the last request,
    /// which is kept for [`Purpose::Requested`]. All retries of a day therefore take less than a
    /// tenth of its quota, and nothing from scheduled polls.
    Retry,
    /// A request that a client waits for. It can use the whole reserve.
    Requested,
    /// A request that no client and no poll waits for, such as for historical data. It uses neither
    /// the reserve nor `keep` further requests.
    Background {
        /// The number of requests that are kept for scheduled polls.
        keep: u32,
    },
}

/// The outcome of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The request is reserved and may be sent.
    Reserved(Reservation),
    /// The quota of the minute is exhausted until this instant.
    MinuteExhausted(Timestamp),
    /// The quota of the day is exhausted until this instant.
    DayExhausted(Timestamp),
    /// Only the reserve of the day is left until this instant.
    OnlyReserveLeft(Timestamp),
    /// The retries of the day are exhausted until this instant.
    RetriesExhausted(Timestamp),
}

/// A reserved request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The id of the recorded request, if there is a quota per minute.
    call: Option<i64>,
    /// The requests that remain in this minute.
    pub minute_left: Option<u32>,
    /// The requests that remain on this day, including the reserve.
    pub day_left: Option<u32>,
}

/// Reserves one request to a provider for `symbols`. Also records when scheduled polls requested
/// the symbols.
///
/// # Errors
/// The provider has no row in `providers`, the lease is lost, or the database is unavailable.
pub async fn reserve(
    lease: &Lease,
    provider: &str,
    budget: RequestBudget,
    purpose: Purpose,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<ReserveOutcome, Error> {
    let usage = UsageTransaction::begin(lease, provider).await?;
    let mut day = Today::new(usage.day(), budget, now);
    if let Some(limit) = budget.per_day {
        if day.used >= limit {
            return Ok(ReserveOutcome::DayExhausted(day.resets_at));
        }
        // The retries were taken from the reserve.
        let reserve = schedule::reserved_requests(limit).saturating_sub(day.retries);
        let kept = match purpose {
            Purpose::Requested => 0,
            Purpose::Retry if reserve <= 1 => {
                return Ok(ReserveOutcome::RetriesExhausted(day.resets_at));
            }
            Purpose::Retry => 1,
            Purpose::Scheduled => reserve,
            Purpose::Background { keep } => reserve.saturating_add(keep),
        };
        if day.used >= limit.saturating_sub(kept) {
            return Ok(ReserveOutcome::OnlyReserveLeft(day.resets_at));
        }
    }
    let mut reservation = Reservation {
        call: None,
        minute_left: None,
        day_left: budget
            .per_day
            .map(|limit| limit.saturating_sub(day.used + 1)),
    };
    if let Some(limit) = budget.per_minute {
        let window_start = now.before(WINDOW);
        usage.expire_calls(window_start, now).await?;
        let used = usage.calls_after(window_start).await?;
        if used >= limit {
            let oldest = usage.oldest_call(used - limit).await?;
            // Keeps the re-dated calls, although nothing is reserved.
            usage.commit().await?;
            let free_at = oldest.map_or(now, |sent_at| sent_at.after(WINDOW));
            return Ok(ReserveOutcome::MinuteExhausted(free_at));
        }
        reservation.minute_left = Some(limit - used - 1);
        reservation.call = Some(usage.record_call(now).await?);
    }
    day.used += 1;
    day.retries += u32::from(purpose == Purpose::Retry);
    usage.set_day(day.into()).await?;
    if matches!(purpose, Purpose::Scheduled | Purpose::Retry) {
        store::stock::set_requested(usage.connection(), symbols, now).await?;
    }
    usage.commit().await?;
    Ok(ReserveOutcome::Reserved(reservation))
}

/// Re-dates a slow request to its end, because it may have arrived at any time until then.
pub async fn finalize(
    lease: &Lease,
    reservation: Reservation,
    took: Duration,
    now: Timestamp,
) -> Result<(), Error> {
    match reservation.call {
        Some(call) if took > SLOW => usage::redate_call(lease, call, now).await,
        _ => Ok(()),
    }
}

/// Marks the quota of the day as exhausted, as reported by the provider. Returns when the next day
/// begins.
pub async fn exhaust_day(
    lease: &Lease,
    provider: &str,
    budget: RequestBudget,
    now: Timestamp,
) -> Result<Timestamp, Error> {
    let usage = UsageTransaction::begin(lease, provider).await?;
    let mut day = Today::new(usage.day(), budget, now);
    day.used = budget.per_day.unwrap_or(day.used).max(day.used);
    usage.set_day(day.into()).await?;
    usage.commit().await?;
    Ok(day.resets_at)
}

/// The requests that remain; `None` where the budget has no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// In the current minute.
    pub(crate) minute: Option<u32>,
    /// On the current day, including the reserve.
    pub(crate) day: Option<u32>,
}

/// Returns the requests that remain at `now`.
pub(crate) async fn remaining(
    store: &Store,
    provider: &str,
    budget: RequestBudget,
    now: Timestamp,
) -> Result<Remaining, Error> {
    let connection = store.database.read();
    let mut remaining = Remaining {
        minute: None,
        day: None,
    };
    if let Some(limit) = budget.per_minute {
        let used = usage::calls_after(connection, provider, now.before(WINDOW)).await?;
        remaining.minute = Some(limit.saturating_sub(used));
    }
    if let Some(limit) = budget.per_day {
        let today = Today::new(usage::day(connection, provider).await?, budget, now);
        remaining.day = Some(limit.saturating_sub(today.used));
    }
    Ok(remaining)
}

/// The usage of the current day.
#[derive(Clone, Copy)]
struct Today {
    date: NaiveDate,
    used: u32,
    retries: u32,
    resets_at: Timestamp,
}

impl Today {
    /// Continues the last day with a request, or begins a new one. The last day continues if the
    /// clock stepped back before its midnight.
    fn new(last: Option<DayUsage>, budget: RequestBudget, now: Timestamp) -> Self {
        let date = budget.day.date(now);
        let midnight = budget.day.next_midnight(now);
        match last.filter(|last| last.date >= date) {
            Some(last) => Self {
                date: last.date,
                used: last.used,
                retries: last.retries,
                resets_at: last.resets_at.unwrap_or(midnight),
            },
            None => Self {
                date,
                used: 0,
                retries: 0,
                resets_at: midnight,
            },
        }
    }
}

impl From<Today> for DayUsage {
    fn from(day: Today) -> Self {
        Self {
            date: day.date,
            used: day.used,
            retries: day.retries,
            resets_at: Some(day.resets_at),
        }
    }
}
