//! A schema over sample rows, with extreme numbers, names in many scripts and nulls.
//!
//! The same shape gives the same rows, so tests and the benchmark can compare the two resolvers of
//! lists.

#![cfg_attr(
    not(feature = "bench"),
    expect(unreachable_pub, reason = "only the benchmark is another crate")
)]

use std::time::Duration;

use async_graphql::{Request, Response};
use market::PollingHours;
use runtime::{clock::ManualClock, health::Health, lifecycle::Lifecycle, random::Random};
use store::{Store, database::Database};
pub use testkit::sample_rows::Shape;
use testkit::sample_rows::{self, NOW};

use super::{
    output::json,
    schema::{Schema, SchemaOptions, schema},
};
use crate::{
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

/// What resolves lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The list writer, in one pass where possible.
    OnePass,
    /// async-graphql, with one future for each field.
    Library,
}

/// The schema over the sample rows, and the health of their database.
pub struct SampleSchema(Schema, Health);

impl SampleSchema {
    /// Fills a migrated, empty database.
    pub async fn fill(database: Database, shape: Shape) -> Self {
        sample_rows::fill(&database, shape).await;
        let build = BuildInfo {
            version: "0",
            revision: None,
            started_at: NOW,
        };
        let store = Store::new(database, ManualClock::at(NOW).shared());
        let lifecycle = Lifecycle::without_signals(Duration::ZERO, Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        let (board, position) = QuoteBoard::load(&store).await.expect("the tables");
        let hub = Hub::new(position, BacklogLimits::default());
        let hours = PollingHours::Always;
        let service = Service::new(store, board, hub, health.clone(), hours, build);
        let options = SchemaOptions {
            introspection: true,
            suggestions: true,
        };
        Self(schema(service, options), health)
    }

    /// Executes a request.
    pub async fn respond(&self, request: impl Into<Request>, resolver: Resolver) -> Response {
        self.1.database_answered();
        self.0.execute(request.into().data(resolver)).await
    }

    /// Returns the body of the response.
    pub async fn body(&self, request: impl Into<Request>, resolver: Resolver) -> Vec<u8> {
        let response = self.respond(request, resolver).await;
        match resolver {
            Resolver::OnePass => json::response(&response).into(),
            Resolver::Library => serde_json::to_vec(&response).expect("it is written"),
        }
    }
}
