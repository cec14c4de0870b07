//! Runs tests on both databases.

/// Runs each test over a SQLite file and over a PostgreSQL database in which nothing was stored
/// yet, each time one of its own: `name::on_sqlite` and `name::on_postgresql`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($home:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($home: $crate::product::Home) $body

            // A module may be named as a function is.
            mod $name {
                use testkit::TestDatabaseUrl;

                use crate::product::Home;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name(Home::new(TestDatabaseUrl::sqlite())).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    super::$name(Home::new(TestDatabaseUrl::postgres().await)).await;
                }
            }
        )+
    };
}

pub(crate) use on_both;
