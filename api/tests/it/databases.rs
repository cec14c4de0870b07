//! Runs tests on SQLite and PostgreSQL.

/// Runs each test on a new SQLite file and on a new PostgreSQL database, as `name::on_sqlite` and
/// `name::on_postgresql`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($home:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($home: $crate::product::Home) $body

            // A module and a function may have the same name.
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
