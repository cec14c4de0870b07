//! A [`Service`] over a bare schema, for whoever needs no tokens and no shared events.
//!
//! Invariant: everybody is anonymous; a token is refused, not ignored. Called by this crate's
//! tests and examples.

use std::future;

use async_graphql::{Executor, Request, Response, ServerError};
use futures_util::{FutureExt, StreamExt, stream};

use crate::{
    fault::{self, Fault, code},
    service::{Event, Item, Reply, Service, Subscription},
};

/// Executes on an [`Executor`], for instance an `async_graphql::Schema`.
#[derive(Debug, Clone)]
pub struct Plain<E>(pub E);

impl<E: Executor> Service for Plain<E> {
    type Viewer = ();

    fn authenticate(&self, authorization: Option<&str>) -> Result<(), Fault> {
        match authorization {
            None => Ok(()),
            Some(_) => Err(Fault::unauthenticated("no token is known here")),
        }
    }

    async fn execute(&self, request: Request, (): ()) -> Reply {
        coded(self.0.execute(request).await).into()
    }

    async fn subscribe(&self, request: Request, (): ()) -> Result<Subscription, Vec<ServerError>> {
        let mut events = self.0.execute_stream(request, None).map(coded);
        // A refusal is the first thing such a stream yields, and it is there at once.
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
    Item::Next(Event::from(reply.body))
}

/// Names the library's own refusals, which carry no code.
fn coded(mut response: Response) -> Response {
    response.errors = response
        .errors
        .into_iter()
        .map(|error| {
            if error.path.is_empty() {
                fault::with_code(error, code::VALIDATION_FAILED)
            } else {
                error
            }
        })
        .collect();
    response
}
