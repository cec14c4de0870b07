//! How each provider is doing, as rows of `providers`.
//!
//! One invariant: a row changes when what it tells has changed, and its `updated_at` says within 2 seconds that a
//! tracker is alive; nothing else is written. The engine tells, `api` reads. Used requests are [`crate::budget`]'s to
//! write, the position of a replay is ingest's.

use std::{collections::HashMap, time::Duration};

use crate::metrics::TrackerMetrics;
use entity::{ProviderState, table::provider};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use store::Store;
use tokio::time::Instant;

use crate::provider::Budget;

/// How often the rows say that somebody is alive.
const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// How often a note may change: a fast replay would write nothing else.
const NOTE: Duration = Duration::from_millis(500);

/// What is told of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) name: &'static str,
    /// Its place in the fallback order.
    pub(crate) rank: i32,
    pub(crate) state: ProviderState,
    /// Between two polls of a symbol; `None` if there is nothing to expect.
    pub(crate) effective_interval: Option<Duration>,
    pub(crate) note: Option<String>,
    pub(crate) budget: Option<Budget>,
}

/// Writes the rows.
#[derive(Debug)]
pub(crate) struct Status {
    metrics: TrackerMetrics,
    written: HashMap<&'static str, Standing>,
    at: Option<Instant>,
}

impl Status {
    /// Nothing is written yet; `metrics` show when something was.
    pub(crate) fn new(metrics: TrackerMetrics) -> Self {
        Self {
            metrics,
            written: HashMap::new(),
            at: None,
        }
    }

    /// Writes what has changed, and a sign of life when it is time for one. After an error it is all written anew.
    pub(crate) async fn write_once(
        &mut self,
        store: &Store,
        standings: Vec<Standing>,
    ) -> Result<(), DbErr> {
        let elapsed = self.at.map(|at| at.elapsed());
        let first = elapsed.is_none();
        let heartbeat = elapsed.is_none_or(|elapsed| elapsed >= HEARTBEAT);
        let calm = elapsed.is_some_and(|elapsed| elapsed < NOTE);
        let changed: Vec<Standing> = standings
            .into_iter()
            .filter(|standing| match self.written.get(standing.name) {
                Some(written) if calm => {
                    *written
                        != Standing {
                            note: written.note.clone(),
                            ..standing.clone()
                        }
                }
                written => written != Some(standing),
            })
            .collect();
        if changed.is_empty() && !heartbeat {
            return Ok(());
        }
        self.at = None;
        let written = std::mem::take(&mut self.written);
        let transaction = store.database.begin_write().await?;
        let now = store.clock.now();
        if first && is_new(&transaction, &changed).await? {
            store::stock::revive(&transaction).await?;
        }
        for standing in &changed {
            write(&transaction, standing, now).await?;
        }
        if first {
            retire(&transaction, changed.iter().map(|standing| standing.name)).await?;
        }
        provider::Entity::update_many()
            .col_expr(provider::Column::UpdatedAt, Expr::value(now))
            .filter(provider::Column::Rank.is_not_null())
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        self.metrics.tracking_written();
        self.at = Some(Instant::now());
        self.written = written;
        for standing in changed {
            let before = self.written.insert(standing.name, standing.clone());
            tell(&standing, before.as_ref());
        }
        Ok(())
    }
}

/// Writes a provider's row, but for what belongs to budgets and ingest.
async fn write(
    transaction: &DatabaseTransaction,
    standing: &Standing,
    now: entity::Timestamp,
) -> Result<(), DbErr> {
    let limit = |of: fn(&Budget) -> Option<u32>| {
        let limit = standing.budget.as_ref().and_then(of);
        limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))
    };
    let interval = standing
        .effective_interval
        .map(|interval| interval.as_micros());
    let row = provider::ActiveModel {
        name: Set(standing.name.to_owned()),
        rank: Set(Some(standing.rank)),
        state: Set(standing.state),
        effective_interval: Set(interval.map(|micros| i64::try_from(micros).unwrap_or(i64::MAX))),
        note: Set(standing.note.clone()),
        per_minute: Set(limit(|budget| budget.per_minute)),
        per_day: Set(limit(|budget| budget.per_day)),
        day_used: Set(0),
        day_retries: Set(0),
        position: NotSet,
        day: NotSet,
        day_resets_at: NotSet,
        updated_at: Set(now),
    };
    let told = [
        provider::Column::Rank,
        provider::Column::State,
        provider::Column::EffectiveInterval,
        provider::Column::Note,
        provider::Column::PerMinute,
        provider::Column::PerDay,
    ];
    provider::Entity::insert(row)
        .on_conflict(
            OnConflict::column(provider::Column::Name)
                .update_columns(told)
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Whether one of these was not configured before: it may have a price for symbols of which the others had none.
async fn is_new(transaction: &DatabaseTransaction, standings: &[Standing]) -> Result<bool, DbErr> {
    let known = provider::Entity::find()
        .filter(provider::Column::Rank.is_not_null())
        .all(transaction)
        .await?;
    let is_known = |name: &str| known.iter().any(|row| row.name == name);
    Ok(standings.iter().any(|standing| !is_known(standing.name)))
}

/// Takes those out of the order that are no longer configured.
async fn retire(
    transaction: &DatabaseTransaction,
    configured: impl Iterator<Item = &'static str>,
) -> Result<(), DbErr> {
    provider::Entity::update_many()
        .col_expr(provider::Column::Rank, Expr::value(None::<i32>))
        .filter(provider::Column::Name.is_not_in(configured))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Logs a change of state, with what there is to say of it.
fn tell(standing: &Standing, before: Option<&Standing>) {
    if before.is_some_and(|before| before.state == standing.state) {
        return;
    }
    let (provider, state) = (standing.name, standing.state);
    let note = standing.note.as_deref();
    match state {
        ProviderState::Ok | ProviderState::Standby => {
            tracing::info!(provider, %state, note, "the provider's state changed");
        }
        _ => tracing::warn!(provider, %state, note, "the provider's state changed"),
    }
}
