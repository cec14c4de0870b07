//! Tests of the record of open connections to streams.

use store::{
    lease::Lease,
    stream_holder::{begin, sign_off},
};

testkit::on_both_databases! {
    async fn a_new_holder_waits_unless_the_old_one_signed_off(database) {
        let first = Lease::take(&database).await.expect("the lease");
        assert!(!begin(&first).await.expect("an answer"), "there was none before");
        first.release().await;
        // It was killed.
        let second = Lease::take(&database).await.expect("the lease");
        assert!(begin(&second).await.expect("an answer"));
        sign_off(&second).await.expect("it is stored");
        second.release().await;
        let third = Lease::take(&database).await.expect("the lease");
        assert!(!begin(&third).await.expect("an answer"));
        assert!(begin(&third).await.expect("an answer"), "it is open since");
        third.release().await;
    }
}
