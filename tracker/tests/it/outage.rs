//! A tracker whose database goes and comes back.

use std::time::Duration;

use entity::table::stock_price;
use sea_orm::{EntityTrait, PaginatorTrait};
use testkit::{Stop, TestDatabase, TestServer};

use crate::{
    fixture::{World, quote},
    script::Script,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_outlives_the_server_that_should_store_it() {
    let mut server = TestServer::start().await;
    let world = World::new(TestDatabase::connect(server.url()).await, &["AAPL"]).await;
    let script = Script::new("script", world.clock.shared()).shared();
    let _running = world.track(vec![script.clone()]);
    world
        .until("it polls", async || world.told().await == ["100"])
        .await;
    for (at, how) in (1..).zip([Stop::Fast, Stop::Immediate, Stop::Killed]) {
        script.answer(move |of| Ok(quote(of.as_str(), &(100 + at).to_string())));
        script.hold();
        let step = Duration::from_secs(20);
        world
            .until_after(step, "it is asked", async || script.waiting() == at)
            .await;
        let asked = script.calls().len();
        server.stop(how).await;
        script.let_go();
        server.start_again().await;
        // The clock stands still.
        let stored = async || {
            // Connections that broke are noticed by whoever uses them first.
            let prices = stock_price::Entity::find().count(world.database.read());
            prices.await.is_ok_and(|count| count == at as u64 + 1)
        };
        world.until("its answer is stored", stored).await;
        // Where the lease was lost with its session before the answer was stored, it is asked for once more.
        let again = script.calls().len() - asked;
        assert!(again <= 1, "{again}");
    }
    assert_eq!(world.told().await, ["100", "101", "102", "103"]);
}
