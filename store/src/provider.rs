//! Reads and writes the rows of `providers`: the status that the tracker reports and the position
//! of a replay.
//!
//! [`usage`] counts the requests that were sent to a provider.

pub mod usage;

use std::time::Duration;

use entity::{
    ProviderState, Timestamp,
    table::provider::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};

use crate::{Error, Store, stock};

/// The status of a provider, as the tracker reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// The name of the provider.
    pub name: &'static str,
    /// Its position in the failover order.
    pub rank: i32,
    /// Whether it works, and why not.
    pub state: ProviderState,
    /// The time between two polls of a symbol; `None` if no poll is expected.
    pub effective_interval: Option<Duration>,
    /// Details of the state, for people.
    pub note: Option<String>,
    /// What its plan allows, for people.
    pub terms: Option<&'static str>,
    /// How many requests its plan allows in a second.
    pub per_second: Option<u32>,
    /// How many requests its plan allows in a minute.
    pub per_minute: Option<u32>,
    /// How many requests its plan allows on a day.
    pub per_day: Option<u32>,
}

/// Returns the configured providers, in failover order.
pub async fn configured(connection: &impl ConnectionTrait) -> Result<Vec<Model>, Error> {
    Ok(Entity::find()
        .filter(Column::Rank.is_not_null())
        .order_by_asc(Column::Rank)
        .all(connection)
        .await?)
}

/// Stores the status of all configured providers.
///
/// Providers that are not among `statuses` lose their rank. If one is new, the answers without a
/// price are forgotten for all stocks, because the new provider may know their prices.
pub async fn configure(store: &Store, statuses: &[ProviderStatus]) -> Result<(), Error> {
    let transaction = store.database.begin_write().await?;
    let known = configured(&transaction).await?;
    let is_known = |status: &ProviderStatus| known.iter().any(|row| row.name == status.name);
    if !statuses.iter().all(is_known) {
        stock::reset_unpriced_answers(&transaction).await?;
    }
    let now = store.clock.now();
    for status in statuses {
        write(&transaction, status, now).await?;
    }
    Entity::update_many()
        .col_expr(Column::Rank, Expr::value(None::<i32>))
        .filter(Column::Name.is_not_in(statuses.iter().map(|status| status.name)))
        .exec(&transaction)
        .await?;
    beat(&transaction, now).await?;
    Ok(transaction.commit().await?)
}

/// Stores the statuses that changed, and sets `updated_at` of all configured providers, which is
/// the heartbeat of the tracker.
pub async fn update(store: &Store, changed: &[ProviderStatus]) -> Result<(), Error> {
    let transaction = store.database.begin_write().await?;
    let now = store.clock.now();
    for status in changed {
        write(&transaction, status, now).await?;
    }
    beat(&transaction, now).await?;
    Ok(transaction.commit().await?)
}

/// Keeps the time of the state if it has not changed.
const SINCE: &str = "CASE WHEN providers.state = excluded.state AND providers.since IS NOT NULL \
                     THEN providers.since ELSE excluded.since END";

async fn beat(transaction: &DatabaseTransaction, now: Timestamp) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Rank.is_not_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// Inserts or updates the row of a provider, except for its position and its counted requests.
async fn write(
    transaction: &DatabaseTransaction,
    status: &ProviderStatus,
    now: Timestamp,
) -> Result<(), Error> {
    let limit = |limit: Option<u32>| limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
    let interval = status
        .effective_interval
        .map(|interval| i64::try_from(interval.as_micros()).unwrap_or(i64::MAX));
    let row = ActiveModel {
        name: Set(status.name.to_owned()),
        rank: Set(Some(status.rank)),
        state: Set(status.state),
        effective_interval: Set(interval),
        note: Set(status.note.clone()),
        terms: Set(status.terms.map(str::to_owned)),
        since: Set(Some(now)),
        per_second: Set(limit(status.per_second)),
        per_minute: Set(limit(status.per_minute)),
        per_day: Set(limit(status.per_day)),
        day_used: Set(0),
        day_retries: Set(0),
        position: NotSet,
        day: NotSet,
        day_resets_at: NotSet,
        updated_at: Set(now),
    };
    let reported = [
        Column::Rank,
        Column::State,
        Column::EffectiveInterval,
        Column::Note,
        Column::Terms,
        Column::PerSecond,
        Column::PerMinute,
        Column::PerDay,
    ];
    let conflict = OnConflict::column(Column::Name)
        .update_columns(reported)
        .value(Column::Since, Expr::cust(SINCE))
        .to_owned();
    Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Returns the position from which a replay continues; `None` before its first day.
pub async fn position(
    connection: &impl ConnectionTrait,
    provider: &str,
) -> Result<Option<String>, Error> {
    let row = Entity::find_by_id(provider).one(connection).await?;
    Ok(row.and_then(|row| row.position))
}

/// Stores the position from which a replay continues.
pub async fn set_position(
    connection: &impl ConnectionTrait,
    provider: &str,
    position: &str,
) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::Position, Expr::value(position))
        .filter(Column::Name.eq(provider))
        .exec(connection)
        .await?;
    Ok(())
}
