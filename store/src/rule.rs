//! Reads and writes alert rules, and their state for each stock.
//!
//! Every change of a rule is a feed entry, so that an index of rules in memory changes in the order
//! of prices.

use std::collections::{BTreeMap, HashMap, HashSet};

use entity::{
    AlertRule, Decimal, Event, Timestamp,
    table::{alert_rule, rule_reference, rule_state},
};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait,
    FromQueryResult, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    Error,
    feed::FeedTransaction,
    sql::{Field, Sql, chunks, replaced},
};

const SELECT: &str = "SELECT stocks.symbol, alert_rules.* FROM alert_rules \
                      LEFT JOIN stocks ON stocks.id = alert_rules.stock_id WHERE ";

/// Returns the default rule, if it is enabled.
pub async fn default_rule(
    connection: &impl ConnectionTrait,
) -> Result<Option<alert_rule::Model>, Error> {
    Ok(alert_rule::Entity::find()
        .filter(alert_rule::Column::IsDefault.eq(true))
        .filter(alert_rule::Column::Enabled.eq(true))
        .one(connection)
        .await?)
}

/// Returns the rules that apply to a stock, or all rules: the default rule first, then by creation.
pub async fn list(
    connection: &impl ConnectionTrait,
    stock: Option<i64>,
) -> Result<Vec<AlertRule>, Error> {
    let mut sql = Sql::new(connection, SELECT).push("true");
    if let Some(stock) = stock {
        let applies = " AND (alert_rules.stock_id IS NULL OR alert_rules.stock_id = ";
        sql = sql.push(applies).bind(stock).push(")");
    }
    read(
        connection,
        sql.push(" ORDER BY is_default DESC, alert_rules.id"),
    )
    .await
}

/// Returns the rules with these ids, in unspecified order.
pub async fn by_ids(
    connection: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<Vec<AlertRule>, Error> {
    let sql = Sql::new(connection, SELECT)
        .push("alert_rules.id")
        .eq_any(ids);
    read(connection, sql).await
}

/// Returns the names of the rules with these ids.
pub async fn names(
    connection: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<HashMap<i64, Option<String>>, Error> {
    #[derive(FromQueryResult)]
    struct NameRow {
        id: i64,
        name: Option<String>,
    }
    let sql = Sql::new(connection, "SELECT id, name FROM alert_rules WHERE id").eq_any(ids);
    let rows = NameRow::find_by_statement(sql.statement());
    let rows = rows.all(connection).await?.into_iter();
    Ok(rows.map(|row| (row.id, row.name)).collect())
}

/// Returns at most `limit` rules of users with an id above `after`, by id.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: i64,
    limit: u32,
) -> Result<Vec<AlertRule>, Error> {
    let sql = Sql::new(connection, SELECT)
        .push("NOT is_default AND alert_rules.id > ")
        .bind(after)
        .push(&format!(" ORDER BY alert_rules.id LIMIT {limit}"));
    read(connection, sql).await
}

async fn read(connection: &impl ConnectionTrait, sql: Sql) -> Result<Vec<AlertRule>, Error> {
    Ok(AlertRule::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Returns the number of rules of users.
pub async fn count(connection: &impl ConnectionTrait) -> Result<u64, Error> {
    Ok(alert_rule::Entity::find()
        .filter(alert_rule::Column::IsDefault.eq(false))
        .count(connection)
        .await?)
}

/// Creates a rule, whose id, times and start are assigned, and publishes it.
pub async fn create(feed: &mut FeedTransaction, mut rule: AlertRule) -> Result<AlertRule, Error> {
    let (seq, now) = (feed.next_seq(), feed.recorded_at());
    rule.created_at = now;
    rule.updated_at = Some(now);
    (rule.start_seq, rule.start_at) = (seq, now);
    let row = alert_rule::ActiveModel {
        id: NotSet,
        ..row(&rule)
    };
    rule.id = row.insert(feed.connection()).await?.id;
    publish(feed, seq, &rule);
    Ok(rule)
}

/// Stores the settings of a rule and publishes it. If `restarts`, its state begins anew.
pub async fn update(
    feed: &mut FeedTransaction,
    mut rule: AlertRule,
    restarts: bool,
) -> Result<AlertRule, Error> {
    let (seq, now) = (feed.next_seq(), feed.recorded_at());
    rule.updated_at = Some(now);
    if restarts {
        (rule.start_seq, rule.start_at) = (seq, now);
        rule_state::Entity::delete_many()
            .filter(rule_state::Column::RuleId.eq(rule.id))
            .exec(feed.connection())
            .await?;
        rule_reference::Entity::delete_many()
            .filter(rule_reference::Column::RuleId.eq(rule.id))
            .exec(feed.connection())
            .await?;
    }
    row(&rule).reset_all().update(feed.connection()).await?;
    publish(feed, seq, &rule);
    Ok(rule)
}

/// Deletes a rule with its state, and publishes that. Its alerts remain, without a rule.
pub async fn delete(feed: &mut FeedTransaction, rule: &AlertRule) -> Result<(), Error> {
    let seq = feed.next_seq();
    alert_rule::Entity::delete_by_id(rule.id)
        .exec(feed.connection())
        .await?;
    let rule = AlertRule {
        deleted: true,
        ..rule.clone()
    };
    publish(feed, seq, &rule);
    Ok(())
}

/// A change of a rule by the evaluation of a price or a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// The rule.
    pub id: i64,
    /// The position of the change in the feed.
    pub seq: i64,
    /// The level after a split.
    pub level: Option<Decimal>,
    /// Whether the rule is disabled.
    pub disables: bool,
}

/// Stores changes of rules by the evaluation of prices or splits, in the order of their positions,
/// and publishes each.
pub async fn apply(feed: &mut FeedTransaction, changes: &[RuleChange]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let now = feed.recorded_at();
    let ids: Vec<i64> = changes.iter().map(|change| change.id).collect();
    let rules = by_ids(feed.connection(), &ids).await?.into_iter();
    let mut rules: BTreeMap<i64, AlertRule> = rules.map(|rule| (rule.id, rule)).collect();
    for change in changes {
        let missing = || Error::MissingRow("row in alert_rules".into());
        let rule = rules.get_mut(&change.id).ok_or_else(missing)?;
        rule.threshold = change.level.unwrap_or(rule.threshold);
        rule.enabled &= !change.disables;
        rule.updated_at = Some(now);
        publish(feed, change.seq, rule);
    }
    let fields = [
        ("id", Field::Integer(|it: &AlertRule| it.id)),
        ("threshold", Field::Integer(|it| it.threshold.units())),
        ("enabled", Field::Boolean(|it| it.enabled)),
    ];
    let text = "UPDATE alert_rules SET threshold = given.threshold, enabled = given.enabled, \
                updated_at = ";
    let rules: Vec<AlertRule> = rules.into_values().collect();
    for rules in chunks(feed.connection(), &rules) {
        let sql = Sql::new(feed.connection(), text)
            .bind(now)
            .push(" FROM ")
            .given(rules.iter(), &fields)
            .push(" WHERE alert_rules.id = given.id");
        feed.connection().execute_raw(sql.statement()).await?;
    }
    Ok(())
}

fn publish(feed: &mut FeedTransaction, seq: i64, rule: &AlertRule) {
    let rule = rule.clone();
    feed.push(Event::RuleChanged { seq, rule });
}

fn row(rule: &AlertRule) -> alert_rule::ActiveModel {
    let rule = rule.clone();
    alert_rule::Model {
        id: rule.id,
        stock_id: rule.stock_id,
        is_default: rule.is_default,
        kind: rule.kind,
        threshold: rule.threshold,
        base: rule.base,
        trigger: rule.trigger,
        cooldown_seconds: rule.cooldown_seconds,
        enabled: rule.enabled,
        expires_at: rule.expires_at,
        created_at: rule.created_at,
        name: rule.name,
        note: rule.note,
        basis: rule.basis,
        window_seconds: rule.window_seconds,
        hold_seconds: rule.hold_seconds,
        rearm_percent: rule.rearm_percent,
        updated_at: rule.updated_at,
        set_threshold: rule.set_threshold,
        level_day: rule.level_day,
        start_seq: rule.start_seq,
        start_at: rule.start_at,
    }
    .into_active_model()
}

/// Returns the states of the rules with ids in a range, inclusive.
pub async fn states(
    connection: &impl ConnectionTrait,
    first: i64,
    last: i64,
) -> Result<Vec<rule_state::Model>, Error> {
    Ok(rule_state::Entity::find()
        .filter(rule_state::Column::RuleId.between(first, last))
        .order_by_asc(rule_state::Column::RuleId)
        .all(connection)
        .await?)
}

/// Returns the references of the rules with ids in a range, inclusive.
pub async fn references(
    connection: &impl ConnectionTrait,
    first: i64,
    last: i64,
) -> Result<Vec<rule_reference::Model>, Error> {
    Ok(rule_reference::Entity::find()
        .filter(rule_reference::Column::RuleId.between(first, last))
        .order_by_asc(rule_reference::Column::RuleId)
        .all(connection)
        .await?)
}

/// Stores states, which replace those of the same rule, stock and direction.
pub async fn set_states(
    connection: &impl ConnectionTrait,
    states: &[rule_state::Model],
) -> Result<(), Error> {
    const FIELDS: [(&str, Field<rule_state::Model>); 7] = [
        ("rule_id", Field::Integer(|it| it.rule_id)),
        ("stock_id", Field::Integer(|it| it.stock_id)),
        ("direction", Field::Text(|it| it.direction.to_value())),
        ("disarmed", Field::Boolean(|it| it.disarmed)),
        (
            "fired_at",
            Field::NullableInteger(|it| it.fired_at.map(Timestamp::micros)),
        ),
        ("fired_day", Field::NullableDay(|it| it.fired_day)),
        (
            "true_since",
            Field::NullableInteger(|it| it.true_since.map(Timestamp::micros)),
        ),
    ];
    upsert(connection, "rule_states", states, &FIELDS, 3).await
}

/// Stores references, which replace those of the same rule and stock.
pub async fn set_references(
    connection: &impl ConnectionTrait,
    references: &[rule_reference::Model],
) -> Result<(), Error> {
    const FIELDS: [(&str, Field<rule_reference::Model>); 4] = [
        ("rule_id", Field::Integer(|it| it.rule_id)),
        ("stock_id", Field::Integer(|it| it.stock_id)),
        ("price", Field::Integer(|it| it.price.units())),
        ("trading_day", Field::Day(|it| it.trading_day)),
    ];
    upsert(connection, "rule_references", references, &FIELDS, 2).await
}

/// Inserts or replaces rows, whose key is the first fields.
async fn upsert<R>(
    connection: &impl ConnectionTrait,
    table: &str,
    rows: &[R],
    fields: &[(&str, Field<R>)],
    key: usize,
) -> Result<(), Error> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let columns = names.join(", ");
    let (key, others) = names.split_at(key);
    let text = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM ");
    for rows in chunks(connection, rows) {
        let sql = Sql::new(connection, &text)
            .given(rows.iter(), fields)
            .push(&format!(
                " WHERE true ON CONFLICT ({}) DO UPDATE SET {}",
                key.join(", "),
                replaced(others)
            ));
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}
