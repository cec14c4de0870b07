//! A schema over rows that tests and the benchmark ask for: numbers at their ends, names in many scripts, nulls.
//!
//! One invariant: the same shape gives the same rows, so that two ways to resolve a document can be compared.

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

use super::{Schema, SchemaOptions, json, schema};
use crate::{
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

/// Who resolves lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Rows, in one pass where they can.
    OnePass,
    /// The library, by a future for every field.
    Library,
}

/// The schema over its rows, and the health of what they lie in.
pub struct Sample(Schema, Health);

impl Sample {
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

    /// Answers a request.
    pub async fn respond(&self, request: impl Into<Request>, way: Way) -> Response {
        self.1.database_answered();
        self.0.execute(request.into().data(way)).await
    }

    /// The body of an answer.
    pub async fn body(&self, request: impl Into<Request>, way: Way) -> Vec<u8> {
        let response = self.respond(request, way).await;
        match way {
            Way::OnePass => json::response(&response).into(),
            Way::Library => serde_json::to_vec(&response).expect("it is written"),
        }
    }
}
