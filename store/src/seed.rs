//! What an empty database begins with.
//!
//! One invariant: the feed's head is written together with everything else that is written once, so that whoever finds
//! a head finds all of it, however many processes start at the same time.

use entity::{
    AlertKind, ChangeBase, Decimal, Symbol, Trigger,
    table::{alert_rule, feed_head, stock},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::OnConflict,
};

use crate::{Store, feed::HEAD};

/// What the settings say of it.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Drawn at random: tells this database's cursors from another's.
    pub epoch: i64,
    /// Percent at which the default rule fires.
    pub alert_threshold: Decimal,
    /// What is tracked from the beginning.
    pub symbols: Vec<Symbol>,
}

/// Fills an empty database, and brings the default rule's threshold up to date in any. Where there is nothing to do
/// nothing is written: it may be a database that is only to be read for now.
pub async fn seed(store: &Store, seed: &Seed) -> Result<(), DbErr> {
    let current = alert_rule::Entity::find()
        .filter(alert_rule::Column::IsDefault.eq(true))
        .filter(alert_rule::Column::Threshold.eq(seed.alert_threshold))
        .count(store.database.read())
        .await?;
    if current > 0 {
        return Ok(());
    }
    let transaction = store.database.begin_write().await?;
    let now = store.clock.now();
    let head = feed_head::ActiveModel {
        id: Set(HEAD),
        epoch: Set(seed.epoch),
        seq: Set(0),
        recorded_at: Set(now),
        pruned_seq: Set(0),
    };
    let written = feed_head::Entity::insert(head)
        .on_conflict(
            OnConflict::column(feed_head::Column::Id)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await?;
    if written == 0 {
        alert_rule::Entity::update_many()
            .set(alert_rule::ActiveModel {
                threshold: Set(seed.alert_threshold),
                ..Default::default()
            })
            .filter(alert_rule::Column::IsDefault.eq(true))
            .exec(&transaction)
            .await?;
        return transaction.commit().await;
    }
    let rule = alert_rule::ActiveModel {
        id: NotSet,
        stock_id: Set(None),
        is_default: Set(true),
        kind: Set(AlertKind::PercentChange),
        threshold: Set(seed.alert_threshold),
        base: Set(Some(ChangeBase::PreviousClose)),
        trigger: Set(Trigger::OncePerDay),
        cooldown_seconds: Set(0),
        enabled: Set(true),
        expires_at: Set(None),
        created_at: Set(now),
    };
    alert_rule::Entity::insert(rule)
        .exec_without_returning(&transaction)
        .await?;
    let stocks = seed.symbols.iter().map(|symbol| stock::ActiveModel {
        symbol: Set(symbol.clone()),
        tracked: Set(true),
        tracked_at: Set(now),
        alert_count: Set(0),
        unpriced_answers: Set(0),
        ..Default::default()
    });
    stock::Entity::insert_many(stocks)
        .exec_without_returning(&transaction)
        .await?;
    transaction.commit().await
}
