//! Reads alerts and their rules.

use entity::{Alert, AlertRule, Position, table};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, Value,
};

use crate::{
    Store,
    page::{Key, List, Page, Span},
    price::Recorded,
    sql,
};

/// An alert's place in the feed.
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
                      JOIN stocks ON stocks.id = alerts.stock_id";

/// A page of a stock's alerts, or of everybody's, newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    stock: Option<i64>,
    triggered: Recorded,
    span: &Span<AlertKey>,
) -> Result<Page<Alert>, DbErr> {
    let conditions: [(&str, Option<Value>); 3] = [
        ("alerts.stock_id =", stock.map(Into::into)),
        ("alerts.triggered_at >=", triggered.from.map(Into::into)),
        ("alerts.triggered_at <", triggered.to.map(Into::into)),
    ];
    let mut list = List {
        select: format!("{SELECT} WHERE true"),
        values: Vec::new(),
        descending: true,
    };
    for (condition, value) in conditions {
        if let Some(value) = value {
            list.values.push(value);
            list.select
                .push_str(&format!(" AND {condition} ${}", list.values.len()));
        }
    }
    list.page(connection, span).await
}

/// The alerts of `stocks` (or of all) after `from` up to and including `to`, at most `limit`, in feed
/// order.
pub async fn between(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<Vec<Alert>, DbErr> {
    let mut text = format!("{SELECT} WHERE alerts.seq > $1 AND alerts.seq <= $2");
    let mut values: Vec<Value> = vec![from.seq.into(), to.seq.into()];
    if let Some(stocks) = stocks {
        values.push(sql::ids(connection, stocks));
        text.push_str(&format!(
            " AND {}",
            sql::is_any(connection, "alerts.stock_id", values.len())
        ));
    }
    text.push_str(&format!(" ORDER BY alerts.seq LIMIT {limit}"));
    Alert::find_by_statement(sql::statement(connection, text, values))
        .all(connection)
        .await
}

/// How many alerts a stock has had, or all together.
pub async fn count(connection: &impl ConnectionTrait, stock: Option<i64>) -> Result<i64, DbErr> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let text = "SELECT CAST(COALESCE(SUM(alert_count), 0) AS bigint) AS count FROM stocks \
                WHERE $1 = 0 OR id = $1";
    let statement = sql::statement(connection, text, [stock.unwrap_or(0).into()]);
    let count = Count::find_by_statement(statement).one(connection).await?;
    Ok(count.map_or(0, |row| row.count))
}

/// One alert.
pub async fn by_id(connection: &impl ConnectionTrait, id: i64) -> Result<Option<Alert>, DbErr> {
    let statement = sql::statement(
        connection,
        format!("{SELECT} WHERE alerts.id = $1"),
        [id.into()],
    );
    Alert::find_by_statement(statement).one(connection).await
}

/// Notes that somebody has seen an alert; the first time counts. `None` if there is no such alert.
pub async fn acknowledge(store: &Store, id: i64) -> Result<Option<Alert>, DbErr> {
    let transaction = store.database.begin_write().await?;
    let Some(row) = table::alert::Entity::find_by_id(id)
        .one(&transaction)
        .await?
    else {
        return Ok(None);
    };
    if row.acknowledged_at.is_none() {
        let mut row = row.into_active_model();
        row.acknowledged_at = Set(Some(store.clock.now()));
        row.update(&transaction).await?;
    }
    let alert = by_id(&transaction, id).await?;
    transaction.commit().await?;
    Ok(alert)
}

/// The rules that watch a stock, or all rules; the default rule first, then as created.
pub async fn rules(
    connection: &impl ConnectionTrait,
    stock: Option<i64>,
) -> Result<Vec<AlertRule>, DbErr> {
    let text = "SELECT stocks.symbol, alert_rules.* FROM alert_rules \
                LEFT JOIN stocks ON stocks.id = alert_rules.stock_id \
                WHERE $1 = 0 OR stock_id IS NULL OR stock_id = $1 \
                ORDER BY is_default DESC, alert_rules.id";
    let statement = sql::statement(connection, text, [stock.unwrap_or(0).into()]);
    AlertRule::find_by_statement(statement)
        .all(connection)
        .await
}
