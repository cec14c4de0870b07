//! How large an operation may be, judged before anything runs and in time linear in its text.
//!
//! Invariant: every fragment is visited once, however often it is spread, so that no document
//! takes longer to refuse than to read. Called for every operation on every transport, before the
//! library, whose own guards visit every spread.

mod lexer;
mod walk;
mod weight;

use std::sync::Arc;

use async_graphql::{
    Positioned, Variables,
    parser::types::{ExecutableDocument, OperationDefinition},
};

use self::walk::Walk;
pub use self::weight::{Arguments, PageSizes, Weigh};

/// Bounds of one document and of the operation that is chosen from it.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Bytes of the document.
    pub bytes: usize,
    /// Tokens of the document.
    pub tokens: usize,
    /// Brackets open at the same time: what a recursive parser's stack must bear.
    pub nesting: usize,
    /// Directives of the document.
    pub directives: usize,
    /// Aliases of the document.
    pub aliases: usize,
    /// Fields within fields, fragments expanded.
    pub depth: u64,
    /// Selection sets within selection sets, those of fragments too.
    pub levels: u64,
    /// Fields of the operation's root, fragments expanded.
    pub root_fields: u64,
    /// Fields, fragments expanded; a repeated one counts again.
    pub fields: u64,
    /// Fields, spreads and inline fragments, fragments expanded.
    pub selections: u64,
    /// Fields of the response, as far as the sizes of its lists are known.
    pub cost: u64,
    /// Bounds of what is asked of the schema itself, which counts apart.
    pub introspection: Introspection,
    /// Knows the sizes of lists.
    pub weigh: Arc<dyn Weigh>,
}

/// Bounds of introspection. The standard query is within the defaults.
#[derive(Debug, Clone)]
pub struct Introspection {
    /// `__schema` and `__type` of one operation.
    pub roots: u64,
    /// Fields within fields.
    pub depth: u64,
    /// Fields, fragments expanded.
    pub fields: u64,
    /// Lists within lists that lead from types to types again.
    pub lists: u64,
}

impl Default for Budget {
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
            introspection: Introspection::default(),
            weigh: Arc::new(PageSizes::default()),
        }
    }
}

impl Default for Introspection {
    fn default() -> Self {
        Self {
            roots: 10,
            depth: 20,
            fields: 1_000,
            lists: 2,
        }
    }
}

/// What is too large, and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) of: &'static str,
    pub(crate) limit: u64,
}

/// Why a document is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is too large.
    Excess(Excess),
    /// A fragment contains itself.
    Cycle(String),
}

impl From<Excess> for Refusal {
    fn from(excess: Excess) -> Self {
        Self::Excess(excess)
    }
}

impl Budget {
    /// Judges a text before it is parsed.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), Excess> {
        within("bytes", text.len() as u64, self.bytes as u64)?;
        lexer::check(text.as_bytes(), self)
    }

    /// Judges a parsed document, of which that operation will run.
    pub(crate) fn check(
        &self,
        document: &ExecutableDocument,
        chosen: &Positioned<OperationDefinition>,
        variables: &Variables,
    ) -> Result<(), Refusal> {
        let definitions = &chosen.node.variable_definitions;
        let mut walk = Walk::new(self, document, variables, definitions);
        // What does not run is validated all the same, so it is bounded alike.
        for (_, operation) in document.operations.iter() {
            walk.check_operation(operation)?;
        }
        for name in document.fragments.keys() {
            walk.check_fragment(name)?;
        }
        Ok(within("aliases", walk.aliases, self.aliases as u64)?)
    }
}

/// The one comparison.
fn within(of: &'static str, count: u64, limit: u64) -> Result<(), Excess> {
    if count > limit {
        return Err(Excess { of, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
