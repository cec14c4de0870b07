//! Migrations of a database with prices, up and down.

use std::time::Duration;

use entity::table::{feed, quote, stock_price};
use migration::Migrator;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, Statement};
use sea_orm_migration::MigratorTrait;
use testkit::on_both_databases;

use crate::fixture::{record, record_now, store};

/// The number of migrations since the first release.
fn since_first_release() -> u32 {
    let migrations = Migrator::migrations();
    let later = migrations.iter().filter(|it| it.name() > "m20261123");
    u32::try_from(later.count()).expect("a few")
}

on_both_databases! {
    async fn rows_survive_migrations_down_and_up(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        for stock in [1, 2, 1, 1, 2, 1] {
            record_now(&store, stock).await;
            clock.advance(Duration::from_hours(24 * 20));
        }
        let rows = async || {
            let prices = stock_price::Entity::find().order_by_asc(stock_price::Column::Seq);
            let quotes = quote::Entity::find().order_by_asc(quote::Column::StockId);
            let feed = feed::Entity::find().order_by_asc(feed::Column::Seq);
            (
                prices.all(database.read()).await.expect("prices"),
                quotes.all(database.read()).await.expect("quotes"),
                feed.all(database.read()).await.expect("the feed"),
            )
        };
        let before = rows().await;
        assert_eq!((before.0.len(), before.1.len(), before.2.len()), (6, 2, 6));
        // Down to the schema of the first release.
        Migrator::down(database.write(), Some(since_first_release())).await.expect("migrate down");
        Migrator::up(database.write(), None).await.expect("migrate up");
        assert_eq!(rows().await, before);
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
