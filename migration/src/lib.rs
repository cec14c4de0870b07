//! Schema migrations: they create and change the tables, on PostgreSQL and SQLite.
//!
//! A released migration is never edited; a new change is a new file. Migrations do not import
//! entities, because entities change and migrations must not. `store` runs them at startup.

#![expect(
    elided_lifetimes_in_paths,
    reason = "`MigrationTrait` elides them, and async_trait requires the same signature"
)]
#![cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "schema definitions use many names of the library; tests may use wildcards"
    )
)]

use sea_orm_migration::prelude::*;

mod m20261122_000001_create_stocks;
mod m20261122_000002_create_stock_prices;
mod m20261122_000003_create_quotes;
mod m20261122_000004_create_alert_rules;
mod m20261122_000005_create_alerts;
mod m20261122_000006_create_feed;
mod m20261122_000007_create_providers;
mod m20261122_000008_create_poll_requests;
mod m20261123_000001_partition_stock_prices;
mod m20261123_000002_remember_what_was_pruned;
mod m20261123_000003_create_readable_prices;
mod m20261123_000020_create_candles;
mod m20261123_000021_create_backfills;
mod m20261128_000001_count_answers_without_a_price;
mod m20261128_000002_create_splits;
mod m20261128_000020_remember_polls;
mod m20261129_000001_create_user_rules;
mod m20261129_000002_create_webhooks;
mod m20261129_000003_index_open_poll_requests;
mod m20261129_000010_extend_providers;
mod m20261130_000001_create_followed_stocks;
mod m20261130_000002_create_symbol_searches;
mod m20261130_000003_create_unserved_stocks;

/// Migrates a database to the newest schema, and back.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_stocks::Migration),
            Box::new(m20261122_000002_create_stock_prices::Migration),
            Box::new(m20261122_000003_create_quotes::Migration),
            Box::new(m20261122_000004_create_alert_rules::Migration),
            Box::new(m20261122_000005_create_alerts::Migration),
            Box::new(m20261122_000006_create_feed::Migration),
            Box::new(m20261122_000007_create_providers::Migration),
            Box::new(m20261122_000008_create_poll_requests::Migration),
            Box::new(m20261123_000001_partition_stock_prices::Migration),
            Box::new(m20261123_000002_remember_what_was_pruned::Migration),
            Box::new(m20261123_000003_create_readable_prices::Migration),
            Box::new(m20261123_000020_create_candles::Migration),
            Box::new(m20261123_000021_create_backfills::Migration),
            Box::new(m20261128_000001_count_answers_without_a_price::Migration),
            Box::new(m20261128_000002_create_splits::Migration),
            Box::new(m20261128_000020_remember_polls::Migration),
            Box::new(m20261129_000001_create_user_rules::Migration),
            Box::new(m20261129_000002_create_webhooks::Migration),
            Box::new(m20261129_000003_index_open_poll_requests::Migration),
            Box::new(m20261129_000010_extend_providers::Migration),
            Box::new(m20261130_000001_create_followed_stocks::Migration),
            Box::new(m20261130_000002_create_symbol_searches::Migration),
            Box::new(m20261130_000003_create_unserved_stocks::Migration),
        ]
    }
}
