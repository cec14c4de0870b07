//! Reserves requests from a provider's quota (rate limit per second, minute and day).
//!
//! A request is reserved in the database before it is sent. The limits therefore hold across all
//! processes and restarts: the plan's quota is not exceeded in any second, in any 60 seconds or on
//! any day.

use std::{ops::RangeInclusive, time::Duration};

use chrono::NaiveDate;
use entity::{Symbol, Timestamp};
use store::{
    Error, Store,
    lease::Lease,
    provider::usage::{self, DayUsage, UsageTransaction},
};

use crate::{provider::RequestBudget, schedule};

/// The window of the quota per second. The margin allows for clocks of different machines.
const SECOND: Duration = Duration::from_millis(1_100);
/// The window of the quota per minute, with a margin too.
const MINUTE: Duration = Duration::from_secs(61);

/// The purpose of a request, which decides whether it may use the day's reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A scheduled poll. It does not use the reserve.
    Scheduled,
    /// A retry before the next scheduled poll. It uses the reserve except for the last request,
    /// which is kept for [`Purpose::Requested`]. All retries and searches of a day therefore take
    /// less than a tenth of its quota, and nothing from scheduled polls.
    Retry,
    /// A search for symbols. Like a retry, it takes from the reserve and never from scheduled
    /// polls.
    Search,
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
    /// The quota of the second or of the minute is exhausted until this instant.
    WindowExhausted(Timestamp),
    /// The quota of the day is exhausted until this instant.
    DayExhausted(Timestamp),
    /// Only the reserve of the day is left until this instant.
    OnlyReserveLeft(Timestamp),
    /// The retries and searches of the day are exhausted until this instant.
    RetriesExhausted(Timestamp),
}

/// A reserved request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The id of the recorded request, if there is any quota.
    call: Option<i64>,
    /// How many requests it counts as.
    pub cost: u32,
    /// The requests that remain in this minute.
    pub minute_left: Option<u32>,
    /// The requests that remain on this day, including the reserve.
    pub day_left: Option<u32>,
}

/// Reserves a request to a provider for `symbols` that counts as `cost` requests: as many as are
/// left, up to the end of the range. Also records when scheduled polls requested the symbols that
/// the reservation is [enough for](RequestBudget::symbols_for).
///
/// # Errors
/// The provider has no row in `providers`, the lease is lost, or the database is unavailable.
pub async fn reserve(
    lease: &Lease,
    provider: &str,
    budget: RequestBudget,
    purpose: Purpose,
    cost: RangeInclusive<u32>,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<ReserveOutcome, Error> {
    let (fewest, mut cost) = cost.into_inner();
    let usage = UsageTransaction::begin(lease, provider).await?;
    let mut day = Today::new(usage.day(), budget, now);
    if let Some(limit) = budget.per_day {
        if usage.day().is_none_or(|last| last.date < day.date) {
            let began_at = budget.day.last_midnight(now);
            day.used = usage.cost_since(began_at, now).await?;
        }
        let left = limit.saturating_sub(day.used);
        if left < fewest {
            return Ok(ReserveOutcome::DayExhausted(day.resets_at));
        }
        // The retries and searches were taken from the reserve.
        let reserve = schedule::reserved_requests(limit).saturating_sub(day.retries);
        let kept = match purpose {
            Purpose::Requested => 0,
            Purpose::Retry | Purpose::Search => {
                let retries_left = reserve.saturating_sub(1);
                if retries_left < fewest {
                    return Ok(ReserveOutcome::RetriesExhausted(day.resets_at));
                }
                cost = cost.min(retries_left);
                1
            }
            Purpose::Scheduled => reserve,
            Purpose::Background { keep } => reserve.saturating_add(keep),
        };
        let left = left.saturating_sub(kept);
        if left < fewest {
            return Ok(ReserveOutcome::OnlyReserveLeft(day.resets_at));
        }
        cost = cost.min(left);
    }
    let mut minute_left = None;
    for (window, limit) in [(SECOND, budget.per_second), (MINUTE, budget.per_minute)] {
        let Some(limit) = limit else {
            continue;
        };
        let left = limit.saturating_sub(usage.cost(window, now).await?);
        if left < fewest {
            usage.expire_calls(MINUTE, now).await?;
            let sent = usage.window(window, now).await?;
            // Keeps the re-dated calls, although nothing is reserved.
            usage.commit().await?;
            let free_at = sent.falls_to(limit.saturating_sub(fewest));
            let free_at = free_at.unwrap_or_else(|| now.after(window));
            return Ok(ReserveOutcome::WindowExhausted(free_at));
        }
        cost = cost.min(left);
        if window == MINUTE {
            minute_left = Some(left);
        }
    }
    day.used = day.used.saturating_add(cost);
    if matches!(purpose, Purpose::Retry | Purpose::Search) {
        day.retries = day.retries.saturating_add(cost);
    }
    let is_limited = [budget.per_second, budget.per_minute, budget.per_day];
    let call = if is_limited.iter().any(Option::is_some) {
        Some(usage.record_call(now, cost, day.into(), MINUTE).await?)
    } else {
        usage.set_day(day.into()).await?;
        None
    };
    if matches!(purpose, Purpose::Scheduled | Purpose::Retry) {
        let symbols = &symbols[..budget.symbols_for(cost, symbols.len())];
        store::stock::set_requested(usage.connection(), symbols, now).await?;
    }
    usage.commit().await?;
    Ok(ReserveOutcome::Reserved(Reservation {
        call,
        cost,
        minute_left: minute_left.map(|left| left.saturating_sub(cost)),
        day_left: budget.per_day.map(|limit| limit.saturating_sub(day.used)),
    }))
}

/// Records that a request ended at `now`. It counts from then on, because it may have arrived at
/// any time until then.
pub async fn finalize(
    lease: &Lease,
    reservation: Reservation,
    now: Timestamp,
) -> Result<(), Error> {
    match reservation.call {
        Some(call) => usage::end_call(lease, call, now).await,
        None => Ok(()),
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
    /// In the current second.
    pub(crate) second: Option<u32>,
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
        second: None,
        minute: None,
        day: None,
    };
    for (left, window, limit) in [
        (&mut remaining.second, SECOND, budget.per_second),
        (&mut remaining.minute, MINUTE, budget.per_minute),
    ] {
        if let Some(limit) = limit {
            let used = usage::window_cost(connection, provider, window, now).await?;
            *left = Some(limit.saturating_sub(used));
        }
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
