//! Which symbols are streamed.

use testkit::StreamDialect;

use super::provider::Stage;

#[tokio::test]
async fn followed_stocks_get_the_slots() {
    let names: Vec<String> = (0..35).map(|it| format!("S{it:02}")).collect();
    let texts: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(StreamDialect::Alpaca, &texts).await;
    let followed = stage.world.stock("S34").await.expect("a stock");
    let now = runtime::clock::Clock::now(&stage.world.clock);
    let ids = [followed.id, 4_711];
    let following = store::priority::follow(stage.world.database.write(), &ids, now).await;
    following.expect("it is stored");
    let running = stage.track();
    let mut expected = texts[..29].to_vec();
    expected.push("S34");
    stage.subscribed(&expected).await;
    running.stop().await;
}

#[tokio::test]
async fn followed_stocks_are_forgotten_after_a_minute() {
    for database in [
        testkit::TestDatabase::sqlite().await,
        testkit::TestDatabase::postgres().await,
    ] {
        let world = crate::fixture::World::new(database, &["AAPL", "MSFT"]).await;
        let stock = world.stock("MSFT").await.expect("a stock");
        let now = runtime::clock::Clock::now(&world.clock);
        let preferred = async |seconds| {
            let at = now.after(std::time::Duration::from_secs(seconds));
            let stocks = store::priority::priorities(world.database.read(), at).await;
            let stocks = stocks.expect("stocks").into_iter();
            let preferred = stocks.filter(|stock| stock.preferred);
            preferred
                .map(|stock| stock.symbol.to_string())
                .collect::<Vec<_>>()
        };
        assert!(preferred(0).await.is_empty());
        for _ in 0..2 {
            let following = store::priority::follow(world.database.write(), &[stock.id], now).await;
            following.expect("it is stored");
        }
        assert_eq!(preferred(59).await, ["MSFT"]);
        assert!(preferred(60).await.is_empty());
    }
}
