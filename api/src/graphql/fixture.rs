//! A test fixture: the schema over sample rows.

use std::time::Duration;

use async_graphql::{
    CustomDirective, Directive, Name, Positioned, Request, Response,
    parser::types::{self, DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet},
};
use market::PollingHours;
use runtime::{clock::ManualClock, health::Health, lifecycle::Lifecycle, random::Random};
use store::{Store, database::Database};
use testkit::sample_rows::{self, NOW, Shape};

use super::{
    output::json,
    schema::{Schema, SchemaOptions, builder},
};
use crate::{
    live::{BacklogLimits, Hub},
    quote_board::QuoteBoard,
    service::{BuildInfo, Service},
};

/// How the lists of a document are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// By a list plan, where one is possible.
    ListPlan,
    /// By async-graphql, which creates a future for each field.
    Library,
}

impl Resolver {
    pub(super) const ALL: [Self; 2] = [Self::ListPlan, Self::Library];
}

/// The schema over sample rows, with a database that is always up.
pub(super) struct SampleSchema {
    schema: Schema,
    health: Health,
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
        let service = Service::new(store, board, hub, health.clone(), hours, build);
        let options = SchemaOptions {
            introspection: true,
            suggestions: true,
        };
        Self {
            schema: builder(service, options).directive(unplanned).finish(),
            health,
        }
    }

    /// Executes a request.
    pub(super) async fn execute(
        &self,
        request: impl Into<Request>,
        resolver: Resolver,
    ) -> Response {
        let mut request = request.into();
        if resolver == Resolver::Library {
            let mut document = request.parsed_query().expect("the document parses").clone();
            forbid_plans(&mut document);
            request.set_parsed_query(document);
        }
        self.health.database_answered();
        self.schema.execute(request).await
    }

    /// Executes a request, and returns the body of the response.
    pub(super) async fn body(&self, request: impl Into<Request>, resolver: Resolver) -> Vec<u8> {
        let response = self.execute(request, resolver).await;
        match resolver {
            Resolver::ListPlan => json::response(&response).into(),
            Resolver::Library => serde_json::to_vec(&response).expect("serialized"),
        }
    }
}

/// A directive that does nothing. A list has no plan if it is on one of the fields of the rows.
struct Unplanned;

impl CustomDirective for Unplanned {}

#[Directive(location = "Field")]
fn unplanned() -> impl CustomDirective {
    Unplanned
}

/// Puts `@unplanned` into every selection set.
fn forbid_plans(document: &mut ExecutableDocument) {
    for fragment in document.fragments.values_mut() {
        forbid_plans_in(&mut fragment.node.selection_set);
    }
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        forbid_plans_in(&mut operation.node.selection_set);
    }
}

fn forbid_plans_in(set: &mut Positioned<SelectionSet>) {
    let mut is_marked = false;
    for selection in &mut set.node.items {
        match &mut selection.node {
            Selection::Field(field) => {
                // One field is enough, unless it is skipped.
                if !is_marked {
                    is_marked = field.node.directives.is_empty();
                    mark(field);
                }
                forbid_plans_in(&mut field.node.selection_set);
            }
            Selection::InlineFragment(fragment) => {
                forbid_plans_in(&mut fragment.node.selection_set);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn mark(field: &mut Positioned<Field>) {
    let (name, pos) = (Name::new("unplanned"), field.pos);
    let directive = types::Directive {
        name: Positioned::new(name, pos),
        arguments: Vec::new(),
    };
    let directive = Positioned::new(directive, pos);
    field.node.directives.push(directive);
}
