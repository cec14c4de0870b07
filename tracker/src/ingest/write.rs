//! Writes what is new, in the transaction that tells of it.

use entity::{
    Alert, Price, Split, Stock, Timestamp,
    table::{alert, held_price, provider, stock},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use store::{feed::FeedTransaction, held, split, sql::Sql};

use crate::{quote::Quote, reference::Sample};

/// Notes that a provider answered for these stocks just now.
pub(super) async fn answered(feed: &FeedTransaction, stocks: &[i64]) -> Result<(), DbErr> {
    let sql = Sql::new(feed.connection(), "UPDATE stocks SET answered_at = ")
        .bind(feed.now())
        .push(" WHERE id")
        .eq_any(stocks);
    feed.connection().execute_raw(sql.statement()).await?;
    Ok(())
}

/// Counts an answer without a price for each of the stocks `unpriced`, and begins anew for those `priced`.
pub(super) async fn unpriced_answers(
    feed: &FeedTransaction,
    priced: &[Stock],
    unpriced: &[Stock],
) -> Result<(), DbErr> {
    let ids = |stocks: &[Stock]| stocks.iter().map(|stock| stock.id).collect::<Vec<_>>();
    let reset: Vec<Stock> = priced
        .iter()
        .filter(|stock| stock.unpriced_answers != 0)
        .cloned()
        .collect();
    if !reset.is_empty() {
        let text = "UPDATE stocks SET unpriced_answers = 0 WHERE id";
        let sql = Sql::new(feed.connection(), text).eq_any(&ids(&reset));
        feed.connection().execute_raw(sql.statement()).await?;
    }
    if !unpriced.is_empty() {
        // Bounded, so that a replay that loops for months cannot overflow it.
        let text = "UPDATE stocks SET unpriced_answers = unpriced_answers + 1 \
            WHERE unpriced_answers < 1000000 AND id";
        let sql = Sql::new(feed.connection(), text).eq_any(&ids(unpriced));
        feed.connection().execute_raw(sql.statement()).await?;
    }
    Ok(())
}

/// Fills in what nobody had said of a stock so far.
pub(super) async fn details(
    feed: &FeedTransaction,
    stock: &mut Stock,
    quote: &Quote,
) -> Result<(), DbErr> {
    let mut row = stock::ActiveModel {
        id: Set(stock.id),
        ..Default::default()
    };
    let mut news = false;
    let mut fill = |known: &mut Option<String>, said: &Option<String>| {
        let fills = known.is_none() && said.is_some();
        news |= fills;
        if fills {
            known.clone_from(said);
            Set(known.clone())
        } else {
            NotSet
        }
    };
    row.name = fill(&mut stock.name, &quote.name);
    row.currency = fill(&mut stock.currency, &quote.currency);
    row.exchange = fill(&mut stock.exchange, &quote.exchange);
    if news {
        row.update(feed.connection()).await?;
    }
    Ok(())
}

/// Stores an alert, and counts it. Answers its id.
pub(super) async fn alert(feed: &FeedTransaction, alert: &Alert) -> Result<i64, DbErr> {
    let row = alert::ActiveModel {
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
    };
    let stored = row.insert(feed.connection()).await?;
    stock::Entity::update_many()
        .col_expr(
            stock::Column::AlertCount,
            Expr::col(stock::Column::AlertCount).add(1),
        )
        .filter(stock::Column::Id.eq(alert.stock_id))
        .exec(feed.connection())
        .await?;
    Ok(stored.id)
}

/// Detaches the alerts of a rule, stock and trading day from the rule, so that they do not keep the rule from firing.
pub(super) async fn detach_alerts(feed: &FeedTransaction, of: &Alert) -> Result<(), DbErr> {
    alert::Entity::update_many()
        .col_expr(alert::Column::RuleId, Expr::value(None::<i64>))
        .filter(alert::Column::RuleId.eq(of.rule_id))
        .filter(alert::Column::StockId.eq(of.stock_id))
        .filter(alert::Column::TradingDay.eq(of.trading_day))
        .exec(feed.connection())
        .await?;
    Ok(())
}

/// Stores the split that a quote reports for its trading day, if it reports one.
pub(super) async fn split(
    feed: &FeedTransaction,
    stock_id: i64,
    quote: &Quote,
    source: &str,
) -> Result<(), DbErr> {
    let Some(ratio) = quote.split else {
        return Ok(());
    };
    let split = Split {
        effective_on: quote.trading_day,
        ratio,
    };
    let now = feed.recorded_at();
    split::record(feed.connection(), stock_id, &[split], source, now).await
}

/// Holds a price from alerts until `held_until`.
pub(super) async fn held(
    feed: &FeedTransaction,
    price: &Price,
    sample: &Sample,
    held_until: Timestamp,
) -> Result<(), DbErr> {
    let row = held_price::ActiveModel {
        stock_id: Set(price.stock_id),
        seq: Set(price.seq),
        recorded_at: Set(price.recorded_at),
        trading_day: Set(price.trading_day),
        price: Set(price.price),
        open: Set(sample.open),
        previous_close: Set(sample.previous_close.map(|close| close.rounded)),
        exact_price: Set(sample.price.exact.to_string()),
        exact_previous_close: Set(sample.previous_close.map(|close| close.exact.to_string())),
        close: Set(sample.stored.map(|(_, close)| close)),
        close_day: Set(sample.stored.map(|(day, _)| day)),
        held_until: Set(held_until),
    };
    held::add(feed.connection(), row).await
}

/// Notes where a replay goes on.
pub(super) async fn replay_position(
    feed: &FeedTransaction,
    provider: &str,
    position: &str,
) -> Result<(), DbErr> {
    provider::Entity::update_many()
        .col_expr(provider::Column::Position, Expr::value(position))
        .filter(provider::Column::Name.eq(provider))
        .exec(feed.connection())
        .await?;
    Ok(())
}
