//! Limits on the size and complexity of operations, checked before validation and execution.
//!
//! The check takes time linear in the text: each fragment is measured once, however often it is
//! spread, whereas async-graphql's own limits visit every spread. Every transport runs the check
//! for each operation.

mod lexer;
mod list_size;
mod measure;

use std::sync::Arc;

use async_graphql::{
    Positioned, Variables,
    parser::types::{ExecutableDocument, OperationDefinition},
};

pub use self::list_size::{Arguments, ListSizes, PageSizes};
use self::measure::Measurer;

/// Limits of one document and of the operation that is executed.
#[derive(Debug, Clone)]
pub struct QueryBudget {
    /// Maximum size of the document, in bytes.
    pub bytes: usize,
    /// Maximum number of tokens in the document.
    pub tokens: usize,
    /// Maximum number of brackets open at once, which bounds the stack of the recursive parser.
    pub nesting: usize,
    /// Maximum number of directives in the document.
    pub directives: usize,
    /// Maximum number of aliases in the document.
    pub aliases: usize,
    /// Maximum depth of fields, with fragments expanded.
    pub depth: u64,
    /// Maximum depth of selection sets, including those of fragments.
    pub levels: u64,
    /// Maximum number of root fields, with fragments expanded.
    pub root_fields: u64,
    /// Maximum number of fields, with fragments expanded; duplicates count.
    pub fields: u64,
    /// Maximum number of fields, fragment spreads and inline fragments, with fragments expanded.
    pub selections: u64,
    /// Maximum query complexity: the estimated number of fields in the response.
    pub cost: u64,
    /// Limits of introspection, which is counted separately.
    pub introspection: IntrospectionBudget,
    /// Estimates the length of lists.
    pub list_sizes: Arc<dyn ListSizes>,
}

/// Limits of introspection. The standard introspection query is within the defaults.
#[derive(Debug, Clone)]
pub struct IntrospectionBudget {
    /// Maximum number of `__schema` and `__type` fields in an operation.
    pub roots: u64,
    /// Maximum depth of fields.
    pub depth: u64,
    /// Maximum number of fields, with fragments expanded.
    pub fields: u64,
    /// Maximum depth of lists that lead from a type to other types.
    pub lists: u64,
}

impl Default for QueryBudget {
    fn default() -> Self {
        Self {
            bytes: 128 << 10,
            tokens: 5_000,
            nesting: 64,
            directives: 50,
            aliases: 100,
            depth: 15,
            levels: 32,
            root_fields: 100,
            fields: 1_000,
            selections: 5_000,
            cost: 100_000,
            introspection: IntrospectionBudget::default(),
            list_sizes: Arc::new(PageSizes::default()),
        }
    }
}

impl Default for IntrospectionBudget {
    fn default() -> Self {
        Self {
            roots: 10,
            depth: 20,
            fields: 1_000,
            lists: 2,
        }
    }
}

/// A limit that the operation exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitExceeded {
    pub(crate) what: &'static str,
    pub(crate) limit: u64,
}

/// The reason a document is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BudgetError {
    /// The document exceeds a limit.
    LimitExceeded(LimitExceeded),
    /// A fragment spreads itself, directly or not.
    FragmentCycle(String),
}

impl From<LimitExceeded> for BudgetError {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::LimitExceeded(exceeded)
    }
}

impl QueryBudget {
    /// Checks the text of a document before it is parsed.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), LimitExceeded> {
        check_limit("bytes", text.len() as u64, self.bytes as u64)?;
        lexer::check(text.as_bytes(), self)
    }

    /// Checks a parsed document, of which `chosen` will be executed. Returns whether its size
    /// depends on variables.
    pub(crate) fn check(
        &self,
        document: &ExecutableDocument,
        chosen: &Positioned<OperationDefinition>,
        variables: &Variables,
    ) -> Result<bool, BudgetError> {
        let definitions = &chosen.node.variable_definitions;
        let mut measurer = Measurer::new(self, document, variables, definitions);
        // Operations and fragments that are not executed are still validated, so the limits apply
        // to them.
        for (_, operation) in document.operations.iter() {
            measurer.check_operation(operation)?;
        }
        for name in document.fragments.keys() {
            measurer.check_fragment(name)?;
        }
        check_limit("aliases", measurer.aliases, self.aliases as u64)?;
        Ok(measurer.depends_on_variables)
    }
}

/// Compares a count with its limit.
fn check_limit(what: &'static str, count: u64, limit: u64) -> Result<(), LimitExceeded> {
    if count > limit {
        return Err(LimitExceeded { what, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
