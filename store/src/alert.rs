//! Reads and writes alerts.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use entity::{Alert, Decimal, Direction, Event, Position, Timestamp, table};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait,
    FromQueryResult, PaginatorTrait, QueryFilter, Value,
};

use crate::{
    Error,
    feed::FeedTransaction,
    page::{self, Key, Page, Span},
    price::Recorded,
    sql::{Field, Sql, chunks},
};

/// The position of an alert in a list.
#[derive(Clone, Copy, Debug)]
pub struct AlertKey(i64);

impl From<Position> for AlertKey {
    fn from(position: Position) -> Self {
        Self(position.seq)
    }
}

impl Key for AlertKey {
    const COLUMNS: &'static [&'static str] = &["alerts.seq"];

    fn values(&self) -> Vec<Value> {
        vec![self.0.into()]
    }
}

const SELECT: &str = "SELECT stocks.symbol, alerts.* FROM alerts \
                      JOIN stocks ON stocks.id = alerts.stock_id WHERE ";

/// Which alerts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertFilter {
    /// Those of all stocks.
    All,
    /// Those of a stock.
    Stock(i64),
    /// Those of a rule.
    Rule(i64),
}

/// Returns a page of alerts, newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    filter: AlertFilter,
    triggered: Recorded,
    span: &Span<AlertKey>,
) -> Result<Page<Alert>, Error> {
    let (stock, rule) = match filter {
        AlertFilter::All => (None, None),
        AlertFilter::Stock(stock) => (Some(stock), None),
        AlertFilter::Rule(rule) => (None, Some(rule)),
    };
    let sql = Sql::new(connection, SELECT)
        .push("true")
        .push_if_some(" AND alerts.stock_id = ", stock)
        .push_if_some(" AND alerts.rule_id = ", rule)
        .push_if_some(" AND alerts.triggered_at >= ", triggered.from)
        .push_if_some(" AND alerts.triggered_at < ", triggered.to);
    page::read(connection, &sql, span).await
}

/// Returns the first page of alerts of each of `stocks`, newest first: the newest `limit` alerts,
/// or the oldest if `from_end`.
pub async fn first_pages(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    limit: u32,
    from_end: bool,
) -> Result<HashMap<i64, Page<Alert>>, Error> {
    let order = if from_end { "seq" } else { "seq DESC" };
    let wanted = u64::from(limit) + 1;
    let rows: Vec<Alert> =
        page::read_each(connection, "alerts", order, stocks, wanted, |sql| sql).await?;
    Ok(page::by_stock(
        rows,
        stocks,
        |alert| alert.stock_id,
        |alert| alert.seq,
        limit,
        from_end,
    ))
}

/// Returns at most `limit` alerts of `stocks` (or of all stocks) after `from` and up to `to`,
/// inclusive, in feed order.
pub async fn between(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<Vec<Alert>, Error> {
    let mut sql = Sql::new(connection, SELECT)
        .push("alerts.seq > ")
        .bind(from.seq)
        .push(" AND alerts.seq <= ")
        .bind(to.seq);
    if let Some(stocks) = stocks {
        sql = sql.push(" AND alerts.stock_id").eq_any(stocks);
    }
    let sql = sql.push(&format!(" ORDER BY alerts.seq LIMIT {limit}"));
    Ok(Alert::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Returns the number of alerts of all stocks.
pub async fn count(connection: &impl ConnectionTrait) -> Result<i64, Error> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let text = "SELECT CAST(COALESCE(SUM(alert_count), 0) AS bigint) AS count FROM stocks";
    let count = Count::find_by_statement(Sql::new(connection, text).statement());
    Ok(count.one(connection).await?.map_or(0, |row| row.count))
}

/// Returns the number of alerts of a rule.
pub async fn count_of_rule(connection: &impl ConnectionTrait, rule: i64) -> Result<i64, Error> {
    let alerts = table::alert::Entity::find().filter(table::alert::Column::RuleId.eq(rule));
    let count = alerts.count(connection).await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Returns the alerts with these ids, in unspecified order.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Alert>, Error> {
    let sql = Sql::new(connection, SELECT).push("alerts.id").eq_any(ids);
    Ok(Alert::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// The highest threshold that a rule reached for a stock on a trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct HighestThreshold {
    /// The stock.
    pub stock_id: i64,
    /// The trading day.
    pub trading_day: NaiveDate,
    /// The direction of the change.
    pub direction: Direction,
    /// The threshold.
    pub threshold: Decimal,
}

/// Returns the highest thresholds that a rule reached for each of `stocks` in a range of trading
/// days, inclusive.
pub async fn highest_thresholds(
    connection: &impl ConnectionTrait,
    rule: i64,
    stocks: &[i64],
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Vec<HighestThreshold>, Error> {
    let text = "SELECT stock_id, trading_day, direction, MAX(threshold) AS threshold FROM alerts \
                WHERE rule_id = ";
    let sql = Sql::new(connection, text)
        .bind(rule)
        .push(" AND trading_day >= ")
        .bind(first)
        .push(" AND trading_day <= ")
        .bind(last)
        .push(" AND stock_id")
        .eq_any(stocks)
        .push(" GROUP BY stock_id, trading_day, direction");
    Ok(HighestThreshold::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Stores alerts, in the order of their positions, sets their ids, and increments the counts of
/// their stocks.
pub async fn record(connection: &impl ConnectionTrait, alerts: &mut [Alert]) -> Result<(), Error> {
    #[derive(FromQueryResult)]
    struct IdRow {
        id: i64,
        seq: i64,
    }
    let columns = FIELDS.map(|(name, _)| name).join(", ");
    let text = format!("INSERT INTO alerts ({columns}) SELECT {columns} FROM ");
    let mut ids: HashMap<i64, i64> = HashMap::new();
    for alerts in chunks(connection, alerts) {
        let sql = Sql::new(connection, &text)
            .given(alerts.iter(), &FIELDS)
            .push(" ORDER BY seq RETURNING id, seq");
        let rows = IdRow::find_by_statement(sql.statement());
        let rows = rows.all(connection).await?.into_iter();
        ids.extend(rows.map(|row| (row.seq, row.id)));
    }
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for alert in alerts {
        let missing = || Error::MissingRow("row in alerts".into());
        alert.id = *ids.get(&alert.seq).ok_or_else(missing)?;
        *counts.entry(alert.stock_id).or_default() += 1;
    }
    let counts: Vec<(i64, i64)> = counts.into_iter().collect();
    let fields = [
        ("id", Field::Integer(|(id, _): &(i64, i64)| *id)),
        ("fired", Field::Integer(|(_, fired)| *fired)),
    ];
    let text = "UPDATE stocks SET alert_count = alert_count + given.fired FROM ";
    for counts in chunks(connection, &counts) {
        let sql = Sql::new(connection, text)
            .given(counts.iter(), &fields)
            .push(" WHERE stocks.id = given.id");
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}

/// The columns of a new alert.
const FIELDS: [(&str, Field<Alert>); 15] = [
    ("stock_id", Field::Integer(|it| it.stock_id)),
    ("rule_id", Field::NullableInteger(|it| it.rule_id)),
    ("seq", Field::Integer(|it| it.seq)),
    ("kind", Field::Text(|it| it.kind.to_value())),
    ("direction", Field::Text(|it| it.direction.to_value())),
    ("price", Field::Integer(|it| it.price.units())),
    (
        "reference_price",
        Field::NullableInteger(|it| it.reference_price.map(Decimal::units)),
    ),
    (
        "change_percent",
        Field::NullableInteger(|it| it.change_percent.map(Decimal::units)),
    ),
    ("threshold", Field::Integer(|it| it.threshold.units())),
    ("trading_day", Field::Day(|it| it.trading_day)),
    (
        "triggered_at",
        Field::Integer(|it| it.triggered_at.micros()),
    ),
    (
        "fired_at",
        Field::NullableInteger(|it| it.fired_at.map(Timestamp::micros)),
    ),
    ("price_seq", Field::NullableInteger(|it| it.price_seq)),
    ("rule_name", Field::NullableText(|it| it.rule_name.clone())),
    (
        "touched",
        Field::NullableInteger(|it| it.touched.map(Decimal::units)),
    ),
];

/// Detaches the alerts of a rule for a stock and trading day from the rule, so that it can fire
/// again, and publishes them.
pub async fn detach(
    feed: &mut FeedTransaction,
    rule: i64,
    stock: i64,
    day: NaiveDate,
) -> Result<(), Error> {
    let update = Sql::new(
        feed.connection(),
        "UPDATE alerts SET rule_id = NULL WHERE rule_id = ",
    )
    .bind(rule)
    .push(" AND stock_id = ")
    .bind(stock)
    .push(" AND trading_day = ")
    .bind(day)
    .push(" RETURNING id");
    let mut detached: Vec<i64> = Vec::new();
    for row in feed.connection().query_all_raw(update.statement()).await? {
        detached.push(row.try_get_by_index(0)?);
    }
    let mut alerts = by_ids(feed.connection(), &detached).await?;
    alerts.sort_unstable_by_key(|alert| alert.seq);
    for alert in alerts {
        publish(feed, alert);
    }
    Ok(())
}

/// Acknowledges an alert, and publishes it. A second acknowledgement keeps the first time. Returns
/// `None` if the alert does not exist.
pub async fn acknowledge(feed: &mut FeedTransaction, id: i64) -> Result<Option<Alert>, Error> {
    let Some(mut alert) = by_ids(feed.connection(), &[id]).await?.pop() else {
        return Ok(None);
    };
    if alert.acknowledged_at.is_none() {
        alert.acknowledged_at = Some(feed.now());
        let row = table::alert::ActiveModel {
            id: Set(id),
            acknowledged_at: Set(alert.acknowledged_at),
            ..Default::default()
        };
        row.update(feed.connection()).await?;
        publish(feed, alert.clone());
    }
    Ok(Some(alert))
}

fn publish(feed: &mut FeedTransaction, alert: Alert) {
    let seq = feed.next_seq();
    feed.push(Event::AlertChanged { seq, alert });
}
