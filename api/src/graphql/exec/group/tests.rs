//! Tests that plans write the same responses to events as async-graphql.

use std::cell::Cell;

use async_graphql::{Request, value};
use entity::Event;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Builder;

use super::{super::executor::Started, *};
use crate::graphql::fixture::{
    document::{RandomDocument, subscription, viewer},
    request, sample,
};

/// The root field whose subscribers receive an event.
fn field_of(event: &FeedEvent) -> &'static str {
    match event.event {
        Event::QuoteRecorded { .. } => "priceUpdates",
        Event::AlertFired { .. } => "alerts",
        _ => "alertRules",
    }
}

#[test]
fn random_subscriptions_get_the_responses_of_the_library() {
    const CASES: u32 = 300;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (_database, sample) = runtime.block_on(sample());
    let executor = sample.executor();
    for (field, on) in [
        ("priceUpdates", "Price"),
        ("alerts", "Alert"),
        ("alertRules", "AlertRule"),
    ] {
        let mut events = sample.events();
        events.retain(|event| field_of(event) == field);
        assert!(events.len() > 1, "{field} has events");
        let (planned, executed) = (Cell::new(0), Cell::new(0));
        let mut runner = TestRunner::new(Config::with_cases(CASES));
        let documents = (subscription(field, on), viewer());
        let outcome = runner.run(&documents, |(RandomDocument(text), viewer)| {
            runtime.block_on(async {
                let started = executor.start(request(&text, viewer), viewer).await;
                let Ok(Started { group, .. }) = started else {
                    return Err(TestCaseError::fail("the subscription does not start"));
                };
                for event in &events {
                    sample.mark_current();
                    let body = group.execute_plan(event).await;
                    let mut responses = group.responses.lock().await;
                    let expected = group.execute_by_library(event, &mut responses).await;
                    let expected = expected.expect("a response");
                    planned.set(planned.get() + usize::from(body.is_some()));
                    executed.set(executed.get() + 1);
                    prop_assert_eq!(body.unwrap_or_else(|| expected.clone()), expected);
                }
                Ok(())
            })
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        let (planned, executed) = (planned.get(), executed.get());
        assert!(planned > executed / 3, "{field}: {planned} of {executed}");
    }
}

#[tokio::test]
async fn an_event_without_a_planned_response_is_executed_by_the_library() {
    const QUERY: &str = "subscription($first: Int) { priceUpdates { stock { alerts(first: $first) \
                         { nodes { symbol } } } } }";
    let (_database, sample) = sample().await;
    let executor = sample.executor();
    let mut events = sample.events();
    events.retain(|event| field_of(event) == "priceUpdates");
    let context = DeliveryContext {
        snapshot: false,
        stale: false,
    };
    for (first, is_planned) in [(2, true), (501, false)] {
        let variables = Variables::from_value(value!({"first": first}));
        let request = Request::new(QUERY).variables(variables);
        let started = executor.start(request, Viewer::Reader).await;
        let Started { group, .. } = started.unwrap_or_else(|errors| panic!("{errors:?}"));
        for event in &events {
            sample.mark_current();
            assert_eq!(group.execute_plan(event).await.is_some(), is_planned);
            let body = group.body(event, context).await.expect("a response");
            let body = String::from_utf8_lossy(&body);
            assert_eq!(!body.contains("BAD_USER_INPUT"), is_planned, "{body}");
        }
    }
}
