//! A tracker whose database goes, comes back, or is full.

use runtime::testing::{Stop, TestDatabase, TestServer};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    script::Script,
    world::{World, quote},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_outlives_the_server_that_should_store_it() {
    let mut server = TestServer::start().await;
    let world = World::new(TestDatabase::at(server.place()).await, &["AAPL"]).await;
    let script = Script::new("script", world.clock.shared()).shared();
    let _running = world.track(vec![script.clone()]);
    world
        .until("it polls", async || world.told().await == ["100"])
        .await;
    for (at, how) in (1..).zip([Stop::Fast, Stop::Immediate, Stop::Killed]) {
        script.answer(move |of| Ok(quote(of.as_str(), &(100 + at).to_string())));
        script.hold();
        let minutes = std::time::Duration::from_mins(1);
        world
            .until_after(minutes, "it is asked", async || script.waiting() == at)
            .await;
        server.stop(how).await;
        script.let_go();
        server.start_again().await;
        // The clock stands still: nobody is asked again.
        let stored = async || world.database.is_alive().await && world.told().await.len() == at + 1;
        world.until("its answer is stored", stored).await;
        assert_eq!(script.calls().len(), at + 1);
    }
    assert_eq!(world.told().await, ["100", "101", "102", "103"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_waits_for_space_on_a_full_disk() {
    let world = World::new(TestDatabase::sqlite().await, &["AAPL"]).await;
    let script = Script::new("script", world.clock.shared()).shared();
    let _running = world.track(vec![script.clone()]);
    world
        .until("it polls", async || world.told().await == ["100"])
        .await;
    // The writer has one connection, which keeps this.
    let limit = async |pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        let set = world.database.write().execute_unprepared(&set).await;
        set.expect("it is set");
    };
    let full = async || {
        let fill = "INSERT INTO poll_requests (symbol, track, name, requested_at) VALUES ('X', false, hex(zeroblob(500)), 0)";
        world
            .database
            .write()
            .execute_unprepared(fill)
            .await
            .is_err()
    };
    limit(1).await;
    world.until("it is full", full).await;
    script.answer(|of| Ok(quote(of.as_str(), "106")));
    let minutes = std::time::Duration::from_mins(1);
    let mut refused = 0;
    let tried = async || {
        refused += usize::from(script.calls().len() > 1 && full().await);
        refused > 5
    };
    world.until_after(minutes, "it is asked", tried).await;
    assert!(world.alerts().await.is_empty());
    limit(1 << 30).await;
    world
        .until("it is stored", async || {
            world.told().await == ["100", "106"]
        })
        .await;
    assert_eq!(world.alerts().await.len(), 1);
    let kind = world.database.read().get_database_backend();
    let check = Statement::from_string(kind, "PRAGMA integrity_check");
    let row = world.database.read().query_one_raw(check).await;
    let said: String = row
        .expect("an answer")
        .expect("a row")
        .try_get_by_index(0)
        .expect("a text");
    assert_eq!(said, "ok");
}
