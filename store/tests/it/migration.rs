//! Migrations of a database with prices, up and down.

use std::time::Duration;

use entity::{
    Alert, AlertKind, Decimal, Direction,
    table::{alert, feed, quote, stock_price},
};
use migration::Migrator;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, Statement};
use sea_orm_migration::MigratorTrait;
use testkit::on_both_databases;

use crate::fixture::{BEGIN, record, record_now, store, symbol};

/// The number of migrations since the first release.
fn since_first_release() -> u32 {
    let migrations = Migrator::migrations();
    let later = migrations.iter().filter(|it| it.name() > "m20261123");
    u32::try_from(later.count()).expect("a few")
}

/// An alert of the only rule.
fn alert(seq: i64, direction: Direction, threshold: i32, price_seq: Option<i64>) -> Alert {
    Alert {
        id: 0,
        stock_id: 1,
        symbol: symbol("AAPL"),
        seq,
        rule_id: Some(1),
        kind: AlertKind::PercentChange,
        direction,
        price: Decimal::from_int(110),
        reference_price: Some(Decimal::from_int(100)),
        change_percent: Some(Decimal::from_int(10)),
        threshold: Decimal::from_int(threshold),
        trading_day: BEGIN.to_utc().date_naive(),
        triggered_at: BEGIN,
        acknowledged_at: None,
        fired_at: None,
        price_seq,
        rule_name: None,
        touched: None,
    }
}

on_both_databases! {
    async fn rows_survive_migrations_down_and_up(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        for stock in [1, 2, 1, 1, 2, 1] {
            record_now(&store, stock).await;
            clock.advance(Duration::from_hours(24 * 20));
        }
        let fired = [
            alert(1, Direction::Up, 5, None),
            alert(2, Direction::Up, 10, None),
            alert(3, Direction::Down, 5, None),
        ];
        store::alert::record(database.write(), &mut fired.clone()).await.expect("alerts");
        let rows = async || {
            let alerts = alert::Entity::find().order_by_asc(alert::Column::Id);
            let prices = stock_price::Entity::find().order_by_asc(stock_price::Column::Seq);
            let quotes = quote::Entity::find().order_by_asc(quote::Column::StockId);
            let feed = feed::Entity::find().order_by_asc(feed::Column::Seq);
            (
                prices.all(database.read()).await.expect("prices"),
                quotes.all(database.read()).await.expect("quotes"),
                feed.all(database.read()).await.expect("the feed"),
                alerts.all(database.read()).await.expect("alerts"),
            )
        };
        let before = rows().await;
        assert_eq!((before.0.len(), before.1.len(), before.2.len(), before.3.len()), (6, 2, 6, 3));
        // Down to the schema of the first release.
        Migrator::down(database.write(), Some(since_first_release())).await.expect("migrate down");
        Migrator::up(database.write(), None).await.expect("migrate up");
        assert_eq!(rows().await, before);
        // The default rule fires a multiple once a day; the rules of users once for each price.
        let refused = store::alert::record(database.write(), &mut [alert(4, Direction::Up, 5, None)]).await;
        refused.expect_err("the default rule has fired this multiple");
        let mut again = [alert(5, Direction::Up, 5, Some(1)), alert(6, Direction::Up, 5, Some(2))];
        store::alert::record(database.write(), &mut again).await.expect("another price");
        let refused = store::alert::record(database.write(), &mut [alert(7, Direction::Up, 5, Some(2))]).await;
        refused.expect_err("the rule has fired for this price");
    }

    async fn the_view_shows_prices_as_decimals_and_timestamps(database) {
        let (store, clock) = store(&database, &["AAPL"]).await;
        record(&store, &clock, 1, 1).await;
        let text = "SELECT symbol || ' ' || price || ' ' || CAST(recorded_at AS text) AS line FROM readable_prices";
        let read = Statement::from_string(database.read().get_database_backend(), text);
        let row = database.read().query_one_raw(read).await.expect("an answer").expect("a row");
        let line: String = row.try_get_by_index(0).expect("a text");
        let expected = match database.kind() {
            store::database::DatabaseKind::Postgres => "AAPL 0.00000001 1970-01-01 00:00:01+00",
            store::database::DatabaseKind::Sqlite => "AAPL 1.0e-08 1970-01-01T00:00:01.000000Z",
        };
        assert_eq!(line, expected);
    }
}
