//! The schema of the tests and the example.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    Context, Enum, Error, InputObject, Object, Scalar, ScalarType, Schema, SimpleObject,
    Subscription, Value,
};
use futures_util::{Stream, StreamExt, stream};

/// A counter that mutations increment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(pub(crate) Arc<AtomicU64>);

/// A schema with a counter.
pub(crate) type Demo = Schema<Query, Mutation, Ticks>;

/// Creates the schema.
pub(crate) fn schema(counter: Counter) -> Demo {
    Schema::build(Query, Mutation, Ticks).data(counter).finish()
}

/// Queries.
pub(crate) struct Query;

/// An item of lists.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Node {
    id: u64,
}

#[async_graphql::ComplexObject]
impl Node {
    async fn children(&self, first: Option<u64>) -> Vec<Node> {
        (0..first.unwrap_or(1).min(10))
            .map(|id| Node { id })
            .collect()
    }
}

/// An enum.
#[derive(Enum, Copy, Clone, PartialEq, Eq)]
pub(crate) enum Tone {
    Loud,
    Quiet,
}

/// A custom scalar that accepts any text.
pub(crate) struct Word(String);

#[Scalar]
impl ScalarType for Word {
    fn parse(value: Value) -> async_graphql::InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(async_graphql::InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An input object.
#[derive(InputObject)]
pub(crate) struct WordInput {
    text: Word,
}

#[Object]
impl Query {
    async fn value(&self, ctx: &Context<'_>) -> u64 {
        ctx.data_unchecked::<Counter>().0.load(Ordering::SeqCst)
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn sayings(&self, tone: Option<Tone>) -> &str {
        if tone == Some(Tone::Loud) { "HM" } else { "hm" }
    }

    async fn word(&self, of: WordInput) -> Word {
        of.text
    }

    async fn joined(&self, words: Option<Vec<String>>) -> String {
        words.unwrap_or_default().join(" ")
    }

    async fn repeated(&self, #[graphql(default = 3)] times: u8) -> String {
        "x".repeat(times.into())
    }

    async fn nodes(&self, first: Option<u64>) -> Vec<Node> {
        (0..first.unwrap_or(2).min(10))
            .map(|id| Node { id })
            .collect()
    }

    /// `Option<Result<…>>`: the reverse would null the parent on an error.
    async fn fails(&self) -> Option<Result<u64, Error>> {
        Some(Err(Error::new("as asked")))
    }

    async fn sleeps(&self, millis: u64) -> bool {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        true
    }

    async fn panics(&self, calmly: bool) -> bool {
        assert!(calmly, "as asked");
        calmly
    }
}

/// Mutations.
pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn increment(&self, ctx: &Context<'_>) -> u64 {
        ctx.data_unchecked::<Counter>()
            .0
            .fetch_add(1, Ordering::SeqCst)
            + 1
    }
}

/// Subscriptions.
pub(crate) struct Ticks;

#[Subscription]
impl Ticks {
    /// Counts to a number, then completes.
    async fn count(&self, to: u64) -> impl Stream<Item = u64> {
        stream::iter(1..=to)
    }

    /// Counts as fast as the client reads, with a text of this size in each event.
    async fn flood(&self, bytes: usize) -> impl Stream<Item = String> {
        stream::iter(0_u64..).map(move |n| format!("{n} {}", "x".repeat(bytes)))
    }

    /// Never yields an event and never ends.
    async fn silence(&self) -> impl Stream<Item = u64> {
        stream::pending()
    }

    /// Panics after its first event.
    async fn breaks(&self) -> impl Stream<Item = u64> {
        stream::iter(1..).inspect(|n| assert!(*n < 2, "as asked"))
    }
}
