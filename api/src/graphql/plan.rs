//! Plans: operations that are compiled once and then write their responses from memory.
//!
//! A plan writes JSON in one pass over the rows on the quote board, without a future for each
//! field. Rows that memory lacks are loaded in batches, and the pass is repeated. The plan of a
//! subscription writes the response to each event. The response is byte for byte the same as that
//! of async-graphql, which still executes everything that plans do not cover: mutations,
//! introspection, some fields, and every operation with an error. It also starts subscriptions.

mod argument;
mod column;
mod compile;
mod connection;
mod object;
mod run;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType},
};
use parking_lot::Mutex;

pub(super) use self::{
    argument::{Arguments, Reader},
    column::{ColumnValue, columns},
    compile::{Compiler, SelectedField},
    connection::{ConnectionNode, ConnectionPlan},
    object::{ObjectPlan, Planned, Unplanned, Writer},
    run::Run,
};
use self::{
    compile::condition_variables,
    run::{Loaded, Need},
};
use super::{
    loader::{Batcher, ServiceLoader},
    query::Query,
};
use crate::{live::FeedEvent, service::Service};

/// Maximum number of plans of one document. They differ in the values of `@skip` and `@include`.
const MAX_PLANS: usize = 32;
/// Maximum number of passes of one execution. Each pass but the last finds rows to load, one level
/// of nesting deeper.
const MAX_PASSES: usize = 8;
/// The capacity for the first response, in bytes.
const CAPACITY: usize = 1024;

/// The plans of a document.
#[derive(Default)]
pub(crate) struct Plans {
    /// The variables that `@skip` and `@include` use.
    conditions: OnceLock<Vec<Name>>,
    /// The plans by the values of these variables.
    plans: Mutex<Vec<(Vec<bool>, CompiledPlan)>>,
}

/// `None` if async-graphql must execute the operation.
type CompiledPlan = Option<Arc<QueryPlan>>;

impl Plans {
    /// Returns the plan for these variables, or `None` if async-graphql must execute the operation.
    pub(super) fn get(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Option<Arc<QueryPlan>> {
        let names = self
            .conditions
            .get_or_init(|| condition_variables(document));
        let values = names
            .iter()
            .map(|name| match value_of(name, operation, variables) {
                Some(Value::Boolean(value)) => Some(*value),
                // The operation may not use the variable.
                None => Some(false),
                Some(_) => None,
            });
        let values: Vec<bool> = values.collect::<Option<_>>()?;
        let mut plans = self.plans.lock();
        if let Some((_, plan)) = plans.iter().find(|(key, _)| *key == values) {
            return plan.clone();
        }
        if plans.len() == MAX_PLANS {
            return None;
        }
        let plan = QueryPlan::compile(document, operation, variables).map(Arc::new);
        plans.push((values, plan.clone()));
        plan
    }
}

/// The value of a variable: the one that was sent, or its default.
fn value_of<'a>(
    name: &Name,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
) -> Option<&'a Value> {
    let default = || {
        let mut definitions = operation.variable_definitions.iter();
        let definition = definitions.find(|it| it.node.name.node == *name)?;
        definition.node.default_value.as_ref().map(|it| &it.node)
    };
    variables.get(name).or_else(default)
}

/// The plan of a query.
pub(super) type QueryPlan = OperationPlan<Query>;
/// The plan of a subscription, which writes the response to an event.
pub(super) type EventPlan = OperationPlan<FeedEvent>;

/// A compiled operation. `T` is what its root fields are written from.
pub(super) struct OperationPlan<T> {
    root: ObjectPlan<T>,
    /// The capacity for the next response, in bytes.
    capacity: AtomicUsize,
}

impl<T: Planned> OperationPlan<T> {
    /// Compiles an operation of a document without fragment cycles. Returns `None` if async-graphql
    /// must execute it. The plan is valid for all variables that have the same values in `@skip`
    /// and `@include`.
    pub(super) fn compile(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Option<Self> {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        if root != T::NAME || !operation.directives.is_empty() {
            return None;
        }
        let compiler = Compiler::new(document, operation, variables);
        let root = compiler.object_of(&[&operation.selection_set.node])?;
        let capacity = AtomicUsize::new(CAPACITY);
        Some(Self { root, capacity })
    }

    /// Executes the operation. Returns the response as JSON, or `None` if async-graphql must
    /// execute it.
    pub(super) async fn execute(
        &self,
        row: &T,
        service: &Service,
        batcher: &Batcher<ServiceLoader>,
        variables: &Variables,
    ) -> Option<Vec<u8>> {
        let mut loaded = Loaded::default();
        for _ in 0..MAX_PASSES {
            let needs: Vec<Need> = {
                let run = Run::new(service, variables, &loaded);
                let mut out = Vec::with_capacity(self.capacity.load(Relaxed));
                out.extend_from_slice(b"{\"data\":");
                self.root.write(row, &run, &mut out).ok()?;
                out.push(b'}');
                let needs = run.into_needs();
                if needs.is_empty() {
                    // Space for a response that is a little longer than this one.
                    self.capacity.store(out.len() + out.len() / 16, Relaxed);
                    return Some(out);
                }
                needs
            };
            loaded.load(needs, service, batcher).await.ok()?;
        }
        None
    }
}
