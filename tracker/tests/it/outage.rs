//! A tracker whose database server is stopped and restarted.

use std::time::Duration;

use entity::table::stock_price;
use sea_orm::{EntityTrait, PaginatorTrait};
use testkit::{Stop, TestDatabase, TestServer};

use crate::{
    fixture::{World, quote},
    script::Script,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_stored_after_the_database_server_restarts() {
    let mut server = TestServer::start().await;
    let world = World::new(TestDatabase::connect(server.url()).await, &["AAPL"]).await;
    let script = Script::new("script", world.clock.shared()).shared();
    let _running = world.track(vec![script.clone()]);
    world
        .until("it polls", async || world.price_texts().await == ["100"])
        .await;
    for (at, how) in (1..).zip([Stop::Fast, Stop::Immediate, Stop::Killed]) {
        script.answer(move |of| Ok(quote(of.as_str(), &(100 + at).to_string())));
        script.hold();
        let step = Duration::from_secs(20);
        world
            .until_after(step, "it is polled", async || script.waiting() == at)
            .await;
        let sent = script.calls().len();
        server.stop(how).await;
        script.release();
        server.start_again().await;
        let stored = async || {
            // The first use of a broken connection fails.
            let prices = stock_price::Entity::find().count(world.database.read());
            prices.await.is_ok_and(|count| count == at as u64 + 1)
        };
        world.until("its answer is stored", stored).await;
        // If the lease was lost before the answer was stored, the symbol is polled once more.
        let again = script.calls().len() - sent;
        assert!(again <= 1, "{again}");
    }
    assert_eq!(world.price_texts().await, ["100", "101", "102", "103"]);
}
