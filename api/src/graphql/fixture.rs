//! A test fixture: the schema over sample rows, and random documents.

pub(super) mod document;

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Response, Variables, value};
use entity::Event;
use market::PollingHours;
use runtime::{
    clock::ManualClock, config::Secret, health::Health, lifecycle::Lifecycle, random::Random,
};
use store::{Store, database::Database};
use testkit::{
    TestDatabase,
    sample_rows::{self, NOW, Shape},
};

use super::{
    exec::Executor,
    loader::batcher,
    plan::QueryPlan,
    query::Query,
    schema::{Schema, SchemaOptions, builder},
};
use crate::{
    auth::{AccessTokens, RateLimit, Viewer},
    live::{BacklogLimits, FeedEvent, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

const SMALL: Shape = Shape {
    stocks: 4,
    prices: 5,
    alerts: 4,
    candles: 3,
};

/// Creates a schema over a few rows.
pub(super) async fn sample() -> (TestDatabase, SampleSchema) {
    let database = TestDatabase::sqlite().await;
    let sample = SampleSchema::fill((*database).clone(), SMALL).await;
    (database, sample)
}

/// Creates a request of a random document.
pub(super) fn request(query: &str, viewer: Viewer) -> Request {
    let variables = Variables::from_value(value!({"yes": true, "no": false}));
    Request::new(query).variables(variables).data(viewer)
}

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
    pub(super) fn mark_current(&self) {
        self.health.database_answered();
        self.hub.mark_read();
    }

    /// An executor of the schema.
    pub(super) fn executor(&self) -> Executor {
        let tokens = AccessTokens::new(Secret::new("admin"), None);
        let (schema, service) = (self.schema.clone(), self.service.clone());
        Executor::new(schema, service, tokens, RateLimit::new(None))
    }

    /// The newest prices, the alerts and the rules as events.
    pub(super) fn events(&self) -> Vec<Arc<FeedEvent>> {
        let board = self.service.board();
        let prices = board.quoted().filter_map(|(stock, price)| {
            Some(Event::QuoteRecorded {
                price: price?.clone(),
                stock: stock.clone(),
            })
        });
        let alerts = (1..100).filter_map(|id| board.alert(id));
        let alerts = alerts.cloned().map(|alert| Event::AlertFired { alert });
        let rules = (1..100).filter_map(|id| board.rule(id)).cloned();
        let rules = rules.map(|rule| Event::RuleChanged { seq: 1, rule });
        prices
            .chain(alerts)
            .chain(rules)
            .map(|event| Arc::new(FeedEvent::within(board.position(), event)))
            .collect()
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
        let body = plan
            .execute(&Query, &self.service, &batcher, &variables)
            .await?;
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
