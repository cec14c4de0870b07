//! Seeds an empty database.
//!
//! The head of the feed is written in the same transaction as the rest of the seed, so a process
//! that finds the head finds all of it, even if several processes start at the same time.

use std::time::Duration;

use entity::{
    AlertKind, AlertRule, ChangeBase, Decimal, Symbol, Trigger,
    table::{alert_rule, feed_head, stock},
};
use runtime::{config::TrackingSettings, random::Random};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::OnConflict,
};

use crate::{
    Error, Store,
    feed::{FeedTransaction, HEAD},
    rule,
};

/// The initial content, from the settings.
#[derive(Clone, Debug)]
pub struct Seed {
    /// A random number that distinguishes cursors of this database.
    pub epoch: i64,
    /// The threshold of the default rule, in percent.
    pub alert_threshold: Decimal,
    /// The symbols that are tracked initially.
    pub symbols: Vec<Symbol>,
}

impl Seed {
    /// Creates the seed from the settings, with a random epoch.
    pub fn new(settings: &TrackingSettings, random: &Random) -> Self {
        /// The epoch is a number of microseconds below this, so that two epochs are unlikely to be
        /// equal.
        const EPOCHS: Duration = Duration::from_secs(1 << 42);
        let epoch = random.below(EPOCHS).as_micros();
        Self {
            epoch: i64::try_from(epoch).unwrap_or(i64::MAX),
            alert_threshold: settings.alert_threshold,
            symbols: settings.default_symbols.clone(),
        }
    }
}

/// Seeds an empty database, and updates the threshold of the default rule in any database. Writes
/// nothing if nothing changes, because the database may be temporarily read-only.
pub async fn seed(store: &Store, seed: &Seed) -> Result<(), Error> {
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
        transaction.rollback().await?;
        return update_default_rule(store, seed.alert_threshold).await;
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
        start_at: Set(now),
        ..Default::default()
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
    Ok(transaction.commit().await?)
}

async fn update_default_rule(store: &Store, threshold: Decimal) -> Result<(), Error> {
    let mut feed = FeedTransaction::begin(store).await?;
    let rules = rule::list(feed.connection(), None).await?;
    // Another process may have seeded the database, or changed the rule, meanwhile.
    let differs = |rule: &AlertRule| rule.is_default && rule.threshold != threshold;
    if let Some(rule) = rules.into_iter().find(differs) {
        let changed = AlertRule { threshold, ..rule };
        rule::update(&mut feed, changed, false).await?;
        feed.commit().await?;
    }
    Ok(())
}
