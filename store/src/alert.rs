//! Reads and writes alerts.

use std::collections::{BTreeMap, HashMap};

use entity::{Alert, Decimal, Event, Position, table};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Value,
    sea_query::Expr,
};

use crate::{
    Error,
    feed::FeedTransaction,
    page::{self, Key, Page, Span},
    price::Recorded,
    sql::Sql,
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

/// Returns the highest threshold that the rule of `alert` reached in the same direction on the same
/// trading day of the same stock.
pub async fn highest_threshold(
    connection: &impl ConnectionTrait,
    alert: &Alert,
) -> Result<Option<Decimal>, Error> {
    #[derive(FromQueryResult)]
    struct RuleRow {
        threshold: Decimal,
    }
    let row = table::alert::Entity::find()
        .select_only()
        .column(table::alert::Column::Threshold)
        .filter(table::alert::Column::RuleId.eq(alert.rule_id))
        .filter(table::alert::Column::StockId.eq(alert.stock_id))
        .filter(table::alert::Column::TradingDay.eq(alert.trading_day))
        .filter(table::alert::Column::Direction.eq(alert.direction))
        .order_by_desc(table::alert::Column::Threshold)
        .limit(1)
        .into_model::<RuleRow>()
        .one(connection)
        .await?;
    Ok(row.map(|row| row.threshold))
}

/// Stores alerts, sets their ids, and increments the counts of their stocks.
pub async fn record(connection: &impl ConnectionTrait, alerts: &mut [Alert]) -> Result<(), Error> {
    /// The number of rows per statement; SQLite allows 32 766 parameters.
    const CHUNK: usize = 1_000;
    for chunk in alerts.chunks_mut(CHUNK) {
        let stored = table::alert::Entity::insert_many(chunk.iter().map(row))
            .exec_with_returning(connection)
            .await?;
        let ids: HashMap<i64, i64> = stored.into_iter().map(|row| (row.seq, row.id)).collect();
        for alert in chunk {
            let missing = || Error::MissingRow("row in alerts".into());
            alert.id = *ids.get(&alert.seq).ok_or_else(missing)?;
        }
    }
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for alert in alerts.iter() {
        *counts.entry(alert.stock_id).or_default() += 1;
    }
    for (stock_id, count) in counts {
        let text = "UPDATE stocks SET alert_count = alert_count + ";
        let sql = Sql::new(connection, text)
            .bind(count)
            .push(" WHERE id = ")
            .bind(stock_id);
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}

fn row(alert: &Alert) -> table::alert::ActiveModel {
    table::alert::ActiveModel {
        id: NotSet,
        stock_id: Set(alert.stock_id),
        rule_id: Set(alert.rule_id),
        seq: Set(alert.seq),
        kind: Set(alert.kind),
        direction: Set(alert.direction),
        price: Set(alert.price),
        reference_price: Set(alert.reference_price),
        change_percent: Set(alert.change_percent),
        threshold: Set(alert.threshold),
        trading_day: Set(alert.trading_day),
        triggered_at: Set(alert.triggered_at),
        acknowledged_at: Set(None),
        fired_at: Set(alert.fired_at),
        price_seq: Set(alert.price_seq),
        rule_name: Set(alert.rule_name.clone()),
        touched: Set(alert.touched),
    }
}

/// Detaches the alerts with the rule, stock and trading day of `alert` from their rule, so that the
/// rule can fire again, and publishes them.
pub async fn detach(feed: &mut FeedTransaction, alert: &Alert) -> Result<(), Error> {
    let sql = Sql::new(feed.connection(), SELECT)
        .push("alerts.stock_id = ")
        .bind(alert.stock_id)
        .push(" AND alerts.trading_day = ")
        .bind(alert.trading_day)
        .push_if_some(" AND alerts.rule_id = ", alert.rule_id);
    let alerts = Alert::find_by_statement(sql.statement())
        .all(feed.connection())
        .await?;
    if alerts.is_empty() {
        return Ok(());
    }
    table::alert::Entity::update_many()
        .col_expr(table::alert::Column::RuleId, Expr::value(None::<i64>))
        .filter(table::alert::Column::Id.is_in(alerts.iter().map(|alert| alert.id)))
        .exec(feed.connection())
        .await?;
    for alert in alerts {
        let alert = Alert {
            rule_id: None,
            ..alert
        };
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
