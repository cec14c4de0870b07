//! The requests of the last minute.
//!
//! One invariant: a row is a request that was charged and whose minute is not over. [`super::charge`] calls it with the
//! provider's row locked; only how many there are is also read without.

use std::time::Duration;

use entity::{Timestamp, table::provider_call};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// Forgets the requests that are older than `window`. Those of the future, which only a clock that stepped back can
/// tell of, count from now: too long rather than too short.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    name: &str,
    now: Timestamp,
    window: Duration,
) -> Result<(), DbErr> {
    provider_call::Entity::delete_many()
        .filter(provider_call::Column::Provider.eq(name))
        .filter(provider_call::Column::SentAt.lte(now.before(window)))
        .exec(transaction)
        .await?;
    provider_call::Entity::update_many()
        .col_expr(provider_call::Column::SentAt, Expr::value(now))
        .filter(provider_call::Column::Provider.eq(name))
        .filter(provider_call::Column::SentAt.gt(now))
        .exec(transaction)
        .await?;
    Ok(())
}

/// How many requests of the last `window` are remembered.
pub(super) async fn used(
    connection: &impl ConnectionTrait,
    name: &str,
    now: Timestamp,
    window: Duration,
) -> Result<u32, DbErr> {
    let used = provider_call::Entity::find()
        .filter(provider_call::Column::Provider.eq(name))
        .filter(provider_call::Column::SentAt.gt(now.before(window)))
        .count(connection)
        .await?;
    Ok(u32::try_from(used).unwrap_or(u32::MAX))
}

/// When one more request than `surplus` of the remembered ones will be forgotten.
pub(super) async fn free_at(
    transaction: &DatabaseTransaction,
    name: &str,
    surplus: u32,
    window: Duration,
) -> Result<Option<Timestamp>, DbErr> {
    let call = provider_call::Entity::find()
        .filter(provider_call::Column::Provider.eq(name))
        .order_by_asc(provider_call::Column::SentAt)
        .offset(u64::from(surplus))
        .one(transaction)
        .await?;
    Ok(call.map(|call| call.sent_at.after(window)))
}

/// Remembers a request. Answers its row.
pub(super) async fn add(
    transaction: &DatabaseTransaction,
    name: &str,
    now: Timestamp,
) -> Result<i64, DbErr> {
    let row = provider_call::ActiveModel {
        id: NotSet,
        provider: Set(name.to_owned()),
        sent_at: Set(now),
    };
    Ok(row.insert(transaction).await?.id)
}

/// Counts a remembered request from `now`; of one that was forgotten already there is nothing to count.
pub(super) async fn move_to(
    transaction: &DatabaseTransaction,
    call: i64,
    now: Timestamp,
) -> Result<(), DbErr> {
    provider_call::Entity::update_many()
        .col_expr(provider_call::Column::SentAt, Expr::value(now))
        .filter(provider_call::Column::Id.eq(call))
        .exec(transaction)
        .await?;
    Ok(())
}
