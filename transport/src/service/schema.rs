//! A [`Service`] that executes operations on an async-graphql schema, without authentication.
//!
//! Every client is anonymous. A request with a token is rejected.

use std::future;

use async_graphql::{Executor, Request, Response, ServerError};
use futures_util::{FutureExt, StreamExt, stream};

use crate::{
    error::{self, RequestError, code},
    service::{Item, Reply, Service, SubscriptionEvent, SubscriptionStream},
};

/// Executes operations on an [`Executor`], for example an `async_graphql::Schema`.
#[derive(Debug, Clone)]
pub struct SchemaService<E>(pub E);

impl<E: Executor> Service for SchemaService<E> {
    type Viewer = ();
    type Plan = ();

    fn authenticate(&self, authorization: Option<&str>) -> Result<(), RequestError> {
        match authorization {
            None => Ok(()),
            Some(_) => Err(RequestError::unauthenticated(
                "this server accepts no tokens",
            )),
        }
    }

    async fn execute(&self, request: Request, (): ()) -> Reply {
        coded(self.0.execute(request).await).into()
    }

    async fn subscribe(
        &self,
        request: Request,
        (): (),
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        let mut events = self.0.execute_stream(request, None).map(coded);
        // A stream that is rejected yields its errors immediately.
        let first = match events.next().now_or_never() {
            Some(Some(first)) => {
                let reply = Reply::from(first);
                if !reply.refusal.is_empty() {
                    return Err(reply.refusal);
                }
                Some(item(reply))
            }
            Some(None) => return Ok(stream::empty().boxed()),
            None => None,
        };
        let first = stream::once(future::ready(first)).filter_map(future::ready);
        Ok(first
            .chain(events.map(|response| item(response.into())))
            .boxed())
    }
}

fn item(reply: Reply) -> Item {
    Item::Next(SubscriptionEvent::from(reply.body))
}

/// Adds a code to validation errors of async-graphql, which have none.
fn coded(mut response: Response) -> Response {
    response.errors = response
        .errors
        .into_iter()
        .map(|error| {
            if error.path.is_empty() {
                error::with_code(error, code::VALIDATION_FAILED)
            } else {
                error
            }
        })
        .collect();
    response
}
