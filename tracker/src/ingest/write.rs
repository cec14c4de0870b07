//! Writes what is new, in the transaction that tells of it.

use entity::{
    Alert, Stock,
    table::{alert, provider, stock},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use store::{feed::FeedTransaction, sql::Sql};

use crate::quote::Quote;

/// Notes that a provider answered for these stocks just now.
pub(super) async fn answered(feed: &FeedTransaction, stocks: &[i64]) -> Result<(), DbErr> {
    let sql = Sql::new(feed.connection(), "UPDATE stocks SET answered_at = ")
        .bind(feed.now())
        .push(" WHERE id")
        .eq_any(stocks);
    feed.connection().execute_raw(sql.statement()).await?;
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
