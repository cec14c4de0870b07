//! The indexes that reads of deliveries use.

use entity::Timestamp;
use store::delivery::due;
use testkit::TestDatabase;

use crate::explained::Explained;

/// The number of finished deliveries grows; pending ones are few.
#[tokio::test]
async fn due_deliveries_are_found_without_reading_finished_ones() {
    let database = TestDatabase::sqlite().await;
    let explained = Explained::new(database.read());
    let found = due(&explained, 1, Timestamp::from_micros(0), 10).await;
    assert!(found.expect("a read").is_empty());
    let plan = explained.take().plan;
    let mut reads = plan.iter().filter(|line| line.contains("deliveries"));
    assert!(reads.clone().count() > 0, "{plan:#?}");
    assert!(
        reads.all(|line| line.contains("deliveries_pending")),
        "{plan:#?}"
    );
}
