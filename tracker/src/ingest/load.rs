//! What is stored already, read under the feed's lock.

use std::collections::{BTreeSet, HashMap};

use entity::{
    Alert, Price, Stock, Symbol,
    table::{alert, alert_rule, provider},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use store::{feed::FeedTransaction, price, stock};

/// The stocks that a poll answered for, with their newest prices.
pub(super) struct Known {
    /// The tracked ones, by symbol.
    pub(super) stocks: HashMap<Symbol, Stock>,
    /// Their newest prices, by stock.
    pub(super) newest: HashMap<i64, Price>,
    /// The default rule, if it is enabled.
    pub(super) rule: Option<alert_rule::Model>,
}

impl Known {
    /// Reads what is known of `symbols`; of those that are not tracked, nothing.
    pub(super) async fn load(
        feed: &FeedTransaction,
        symbols: BTreeSet<&Symbol>,
    ) -> Result<Self, DbErr> {
        let stocks: HashMap<Symbol, Stock> = stock::tracked(feed.connection(), symbols)
            .await?
            .into_iter()
            .map(|stock| (stock.symbol.clone(), stock))
            .collect();
        let ids: Vec<i64> = stocks.values().map(|stock| stock.id).collect();
        let newest = price::latest(feed.connection(), &ids)
            .await?
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect();
        let rule = alert_rule::Entity::find()
            .filter(alert_rule::Column::IsDefault.eq(true))
            .filter(alert_rule::Column::Enabled.eq(true))
            .one(feed.connection())
            .await?;
        Ok(Self {
            stocks,
            newest,
            rule,
        })
    }
}

impl Known {
    /// The tracked ones among `symbols`, as they were loaded.
    pub(super) fn of<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<Stock> {
        let known = |symbol| self.stocks.get(symbol).cloned();
        symbols.into_iter().filter_map(known).collect()
    }
}

/// The position that is stored of a replay.
pub(super) async fn position(
    feed: &FeedTransaction,
    provider: &str,
) -> Result<Option<String>, DbErr> {
    let row = provider::Entity::find_by_id(provider).one(feed.connection());
    Ok(row.await?.and_then(|row| row.position))
}

/// The highest multiple that a rule fired for a price's stock and day in an alert's direction.
pub(super) async fn highest_fired(
    feed: &FeedTransaction,
    alert: &Alert,
) -> Result<Option<entity::Decimal>, DbErr> {
    #[derive(FromQueryResult)]
    struct Fired {
        threshold: entity::Decimal,
    }
    let fired = alert::Entity::find()
        .select_only()
        .column(alert::Column::Threshold)
        .filter(alert::Column::RuleId.eq(alert.rule_id))
        .filter(alert::Column::StockId.eq(alert.stock_id))
        .filter(alert::Column::TradingDay.eq(alert.trading_day))
        .filter(alert::Column::Direction.eq(alert.direction))
        .order_by_desc(alert::Column::Threshold)
        .limit(1)
        .into_model::<Fired>()
        .one(feed.connection())
        .await?;
    Ok(fired.map(|fired| fired.threshold))
}
