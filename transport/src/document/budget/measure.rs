//! Measures the size of selections.
//!
//! Visits each selection of the document at most once; a fragment is measured at its first spread.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, VariableDefinition,
    },
};

use super::{BudgetError, LimitExceeded, QueryBudget, check_limit, list_size::Arguments};

/// Maximum recursion depth that is safe for the stack, independent of the budget.
const MAX_RECURSION: u64 = 128;
/// The introspection lists that lead from a type to other types.
const TYPE_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// The size of a selection set, with fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    levels: u64,
    top: u64,
    fields: u64,
    selections: u64,
    depth: u64,
    cost: u64,
    /// Depth of [`TYPE_LISTS`].
    lists: u64,
    introspection: IntrospectionSize,
}

/// The size of the introspection in a selection set.
#[derive(Debug, Clone, Copy, Default)]
struct IntrospectionSize {
    roots: u64,
    fields: u64,
    depth: u64,
    lists: u64,
}

/// Measures the operations and fragments of one document.
pub(super) struct Measurer<'a> {
    budget: &'a QueryBudget,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    definitions: &'a [Positioned<VariableDefinition>],
    /// Sizes by fragment name, `None` while the fragment is being measured.
    fragments: HashMap<&'a str, Option<Size>>,
    pub(super) aliases: u64,
    /// Whether the length of a list is a variable.
    pub(super) depends_on_variables: bool,
    /// Number of selections visited.
    pub(super) steps: u64,
}

impl<'a> Measurer<'a> {
    pub(super) fn new(
        budget: &'a QueryBudget,
        document: &'a ExecutableDocument,
        variables: &'a Variables,
        definitions: &'a [Positioned<VariableDefinition>],
    ) -> Self {
        Self {
            budget,
            document,
            variables,
            definitions,
            fragments: HashMap::new(),
            aliases: 0,
            depends_on_variables: false,
            steps: 0,
        }
    }

    /// Measures an operation and checks it against the budget.
    pub(super) fn check_operation(
        &mut self,
        operation: &'a Positioned<OperationDefinition>,
    ) -> Result<(), BudgetError> {
        let size = self.selections(&operation.node.selection_set.node, 0)?;
        check_limit("root fields", size.top, self.budget.root_fields)?;
        Ok(self.check_size(size)?)
    }

    /// Measures a fragment and checks it against the budget, even if it is not spread.
    pub(super) fn check_fragment(&mut self, name: &'a Name) -> Result<(), BudgetError> {
        let size = self.fragment(name, 0)?;
        Ok(self.check_size(size)?)
    }

    fn check_size(&self, size: Size) -> Result<(), LimitExceeded> {
        let QueryBudget { introspection, .. } = self.budget;
        check_limit("nested selections", size.levels, self.budget.levels)?;
        check_limit("nested fields", size.depth, self.budget.depth)?;
        check_limit("selections", size.selections, self.budget.selections)?;
        check_limit("fields", size.fields, self.budget.fields)?;
        check_limit("response fields", size.cost, self.budget.cost)?;
        check_limit(
            "introspection root fields",
            size.introspection.roots,
            introspection.roots,
        )?;
        check_limit(
            "introspection fields",
            size.introspection.fields,
            introspection.fields,
        )?;
        check_limit(
            "nested introspection fields",
            size.introspection.depth,
            introspection.depth,
        )?;
        check_limit(
            "nested introspection lists",
            size.introspection.lists,
            introspection.lists,
        )
    }

    fn selections(&mut self, set: &'a SelectionSet, level: u64) -> Result<Size, BudgetError> {
        check_limit("nested selections", level, MAX_RECURSION)?;
        let mut sum = Size::default();
        for selection in &set.items {
            self.steps += 1;
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node, level + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, level + 1)?
                }
            };
            sum = sum.plus_selection(size);
        }
        if !set.items.is_empty() {
            sum.levels = sum.levels.saturating_add(1);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, level: u64) -> Result<Size, BudgetError> {
        match self.fragments.get(name.as_str()) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(BudgetError::FragmentCycle(name.to_string())),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.fragments.insert(name, None);
        let size = self.selections(&fragment.node.selection_set.node, level)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }

    fn field(&mut self, field: &'a Field, level: u64) -> Result<Size, BudgetError> {
        self.aliases += u64::from(field.alias.is_some());
        let inner = self.selections(&field.selection_set.node, level + 1)?;
        let name = field.name.node.as_str();
        let lists = inner.lists + u64::from(TYPE_LISTS.contains(&name));
        let depth = inner.depth.saturating_add(1);
        let fields = inner.fields.saturating_add(1);
        if matches!(name, "__schema" | "__type") {
            let introspection = IntrospectionSize {
                roots: 1,
                fields,
                depth,
                lists,
            };
            return Ok(Size {
                levels: inner.levels,
                selections: inner.selections,
                top: 1,
                introspection,
                ..Size::default()
            });
        }
        let arguments = Arguments::new(field, self.variables, self.definitions);
        let items = self.budget.list_sizes.length(name, &arguments);
        self.depends_on_variables |= arguments.read_variable();
        Ok(Size {
            levels: inner.levels,
            top: 1,
            fields,
            selections: inner.selections,
            depth,
            cost: items.saturating_mul(inner.cost).saturating_add(1),
            lists,
            introspection: inner.introspection,
        })
    }
}

impl Size {
    /// Adds the size of one more selection of the same set.
    fn plus_selection(self, selection: Self) -> Self {
        Self {
            levels: self.levels.max(selection.levels),
            top: self.top.saturating_add(selection.top),
            fields: self.fields.saturating_add(selection.fields),
            selections: self
                .selections
                .saturating_add(selection.selections)
                .saturating_add(1),
            depth: self.depth.max(selection.depth),
            cost: self.cost.saturating_add(selection.cost),
            lists: self.lists.max(selection.lists),
            introspection: IntrospectionSize {
                roots: self
                    .introspection
                    .roots
                    .saturating_add(selection.introspection.roots),
                fields: self
                    .introspection
                    .fields
                    .saturating_add(selection.introspection.fields),
                depth: self.introspection.depth.max(selection.introspection.depth),
                lists: self.introspection.lists.max(selection.introspection.lists),
            },
        }
    }
}
