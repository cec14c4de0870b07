//! A test fixture: the schema over sample rows.

use std::time::Duration;

use async_graphql::{Request, Response};
use market::PollingHours;
use runtime::{clock::ManualClock, health::Health, lifecycle::Lifecycle, random::Random};
use store::{Store, database::Database};
use testkit::sample_rows::{self, NOW, Shape};

use super::{
    loader::batcher,
    plan::QueryPlan,
    schema::{Schema, SchemaOptions, builder},
};
use crate::{
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

/// How an operation is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// By a plan, or by async-graphql if there is none.
    Plan,
    /// By async-graphql.
    Library,
}

impl Resolver {
    pub(super) const ALL: [Self; 2] = [Self::Plan, Self::Library];
}

/// The schema over sample rows. Its database is always up, and its feed never stalls.
pub(super) struct SampleSchema {
    schema: Schema,
    service: Service,
    health: Health,
    hub: Hub,
}

impl SampleSchema {
    /// Fills a migrated, empty database.
    pub(super) async fn fill(database: Database, shape: Shape) -> Self {
        sample_rows::fill(&database, shape).await;
        let build = BuildInfo {
            version: "0",
            revision: None,
            started_at: NOW,
        };
        let store = Store::new(database, ManualClock::at(NOW).shared());
        let lifecycle = Lifecycle::without_signals(Duration::ZERO, Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        let (board, position) = QuoteBoard::load(&store).await.expect("the tables are read");
        let hub = Hub::new(position, BacklogLimits::default());
        let hours = PollingHours::Always;
        let service = Service::new(store, board, hub.clone(), health.clone(), hours, build);
        let options = SchemaOptions {
            introspection: true,
            suggestions: true,
        };
        Self {
            schema: builder(service.clone(), options).finish(),
            service,
            health,
            hub,
        }
    }

    /// Makes answers from memory current, however long ago the last request was.
    fn mark_current(&self) {
        self.health.database_answered();
        self.hub.mark_read();
    }

    /// Executes a request with async-graphql.
    pub(super) async fn execute(&self, request: Request) -> Response {
        self.mark_current();
        self.schema.execute(request).await
    }

    /// Executes a request with a plan. Returns `None` if async-graphql must execute it.
    pub(super) async fn execute_plan(&self, request: &mut Request) -> Option<String> {
        self.mark_current();
        let variables = request.variables.clone();
        let document = request.parsed_query().expect("the document parses");
        let (_, operation) = document.operations.iter().next()?;
        let plan = QueryPlan::compile(document, &operation.node, &variables)?;
        let batcher = batcher(self.service.clone());
        let body = plan.execute(&self.service, &batcher, &variables).await?;
        Some(String::from_utf8(body).expect("the response is UTF-8"))
    }

    /// Executes a request, and returns the body of the response.
    pub(super) async fn body(&self, request: impl Into<Request>, resolver: Resolver) -> String {
        let mut request = request.into();
        if resolver == Resolver::Plan
            && let Some(body) = self.execute_plan(&mut request).await
        {
            return body;
        }
        let response = self.execute(request).await;
        serde_json::to_string(&response).expect("serialized")
    }
}
