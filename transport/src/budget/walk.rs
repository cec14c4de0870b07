//! Measures selections, each fragment once.
//!
//! Invariant: the number of steps is at most the number of selections in the document. Called by
//! the budget after parsing.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{
        ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, VariableDefinition,
    },
};

use super::{Budget, Excess, Refusal, weight::Arguments, within};

/// Recursion that is deeper than this is too deep by any budget; the stack bears it.
const STACK: u64 = 128;
/// The fields of a schema's description that lead from types to types.
const LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// What a selection set amounts to, fragments expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    levels: u64,
    top: u64,
    fields: u64,
    selections: u64,
    depth: u64,
    cost: u64,
    /// Lists within lists, as introspection counts them.
    lists: u64,
    asked: Asked,
}

/// What is asked of the schema itself.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    roots: u64,
    fields: u64,
    depth: u64,
    lists: u64,
}

/// One walk over a document.
pub(super) struct Walk<'a> {
    budget: &'a Budget,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    definitions: &'a [Positioned<VariableDefinition>],
    /// `None` while it is being measured.
    fragments: HashMap<&'a str, Option<Size>>,
    pub(super) aliases: u64,
    /// Selections looked at.
    pub(super) steps: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        budget: &'a Budget,
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
            steps: 0,
        }
    }

    /// Measures an operation and judges it.
    pub(super) fn check_operation(
        &mut self,
        operation: &'a Positioned<OperationDefinition>,
    ) -> Result<(), Refusal> {
        let size = self.set(&operation.node.selection_set.node, 0)?;
        within("root fields", size.top, self.budget.root_fields)?;
        Ok(self.judge(size)?)
    }

    /// Measures a fragment and judges it, even if nothing spreads it.
    pub(super) fn check_fragment(&mut self, name: &'a Name) -> Result<(), Refusal> {
        let size = self.fragment(name, 0)?;
        Ok(self.judge(size)?)
    }

    fn judge(&self, size: Size) -> Result<(), Excess> {
        let Budget { introspection, .. } = self.budget;
        within("nested selections", size.levels, self.budget.levels)?;
        within("nested fields", size.depth, self.budget.depth)?;
        within("selections", size.selections, self.budget.selections)?;
        within("fields", size.fields, self.budget.fields)?;
        within("fields in its response", size.cost, self.budget.cost)?;
        within("introspections", size.asked.roots, introspection.roots)?;
        within(
            "introspected fields",
            size.asked.fields,
            introspection.fields,
        )?;
        within(
            "nested introspected fields",
            size.asked.depth,
            introspection.depth,
        )?;
        within(
            "nested introspected lists",
            size.asked.lists,
            introspection.lists,
        )
    }

    fn set(&mut self, set: &'a SelectionSet, level: u64) -> Result<Size, Refusal> {
        within("nested selections", level, STACK)?;
        let mut sum = Size::default();
        for selection in &set.items {
            self.steps += 1;
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(fragment) => {
                    self.set(&fragment.node.selection_set.node, level + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, level + 1)?
                }
            };
            sum = sum.and(size);
        }
        if !set.items.is_empty() {
            sum.levels = sum.levels.saturating_add(1);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Name, level: u64) -> Result<Size, Refusal> {
        match self.fragments.get(name.as_str()) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(Refusal::Cycle(name.to_string())),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.fragments.insert(name, None);
        let size = self.set(&fragment.node.selection_set.node, level)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }

    fn field(&mut self, field: &'a Field, level: u64) -> Result<Size, Refusal> {
        self.aliases += u64::from(field.alias.is_some());
        let within = self.set(&field.selection_set.node, level + 1)?;
        let name = field.name.node.as_str();
        let lists = within.lists + u64::from(LISTS.contains(&name));
        let depth = within.depth.saturating_add(1);
        let fields = within.fields.saturating_add(1);
        if matches!(name, "__schema" | "__type") {
            let asked = Asked {
                roots: 1,
                fields,
                depth,
                lists,
            };
            return Ok(Size {
                levels: within.levels,
                selections: within.selections,
                top: 1,
                asked,
                ..Size::default()
            });
        }
        let arguments = Arguments::new(field, self.variables, self.definitions);
        let items = self.budget.weigh.items(name, &arguments);
        Ok(Size {
            levels: within.levels,
            top: 1,
            fields,
            selections: within.selections,
            depth,
            cost: items.saturating_mul(within.cost).saturating_add(1),
            lists,
            asked: within.asked,
        })
    }
}

impl Size {
    /// Both, beside each other, the second being one selection.
    fn and(self, one: Self) -> Self {
        Self {
            levels: self.levels.max(one.levels),
            top: self.top.saturating_add(one.top),
            fields: self.fields.saturating_add(one.fields),
            selections: self
                .selections
                .saturating_add(one.selections)
                .saturating_add(1),
            depth: self.depth.max(one.depth),
            cost: self.cost.saturating_add(one.cost),
            lists: self.lists.max(one.lists),
            asked: Asked {
                roots: self.asked.roots.saturating_add(one.asked.roots),
                fields: self.asked.fields.saturating_add(one.asked.fields),
                depth: self.asked.depth.max(one.asked.depth),
                lists: self.asked.lists.max(one.asked.lists),
            },
        }
    }
}
