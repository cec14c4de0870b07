//! Variables at the places where they are used.
//!
//! Invariant: a variable is accepted where all its values are, and one that is not given leaves its
//! place to the place's default. The library forgets that default, so it is told by the definition.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError, Value as ConstValue, Variables,
    parser::types::{
        BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Type,
        VariableDefinition,
    },
};

use super::{refusal, value::Usage, walk::Scope};
use crate::fault::code;

/// A default that a variable's definition lacks.
#[derive(Debug, PartialEq)]
pub(crate) struct Rewrite {
    operation: Option<Name>,
    variable: usize,
    default: ConstValue,
}

/// All the places of one operation.
pub(super) struct Usages<'a> {
    all: Vec<Usage<'a>>,
    /// What was looked at to find them.
    pub(super) steps: u64,
}

impl<'a> Usages<'a> {
    /// Of an operation and of every fragment that it spreads, or that those do.
    pub(super) fn collect(own: &Scope<'a>, fragments: &HashMap<&'a Name, Scope<'a>>) -> Self {
        let mut all = own.usages.clone();
        let mut seen = HashSet::new();
        let mut next: Vec<&Name> = own.spreads.clone();
        let mut steps = 0;
        while let Some(name) = next.pop() {
            steps += 1;
            if let Some(scope) = fragments.get(name)
                && seen.insert(name)
            {
                all.extend(&scope.usages);
                next.extend(&scope.spreads);
            }
        }
        let steps = steps + all.len() as u64;
        Self { all, steps }
    }

    /// Judges each; says whether all of them are defined.
    pub(super) fn check(
        &self,
        operation: &'a OperationDefinition,
        invalid: &mut Vec<ServerError>,
    ) -> bool {
        let definitions = by_name(operation);
        let mut complete = true;
        for usage in &self.all {
            let Some((_, definition)) = definitions.get(usage.name) else {
                complete = false;
                continue;
            };
            if !allowed(&definition.node, usage) {
                let (ty, expected) = (&definition.node.var_type.node, usage.expected);
                let name = usage.name;
                let message = format!(
                    "variable `${name}` of type `{ty}` is used where `{expected}` is wanted"
                );
                invalid.push(refusal(
                    code::VALIDATION_FAILED,
                    message,
                    &[definition.pos, usage.pos],
                ));
            }
        }
        complete
    }

    /// Variables that are sent as null and used where that cannot be: their definition allows it, as they have a
    /// default, and so may their place, which has one too.
    pub(super) fn nulls(
        &self,
        operation: &'a OperationDefinition,
        variables: &Variables,
        refused: &mut Vec<ServerError>,
    ) {
        let definitions = by_name(operation);
        for usage in &self.all {
            let name = usage.name;
            let null = variables.get(name) == Some(&ConstValue::Null);
            let Some((_, definition)) = definitions.get(name).filter(|_| null) else {
                continue;
            };
            if definition.node.var_type.node.nullable && !usage.expected.nullable {
                let expected = usage.expected;
                let message = format!("variable `${name}` is null where `{expected}` is wanted");
                refused.push(refusal(code::BAD_USER_INPUT, message, &[definition.pos]));
            }
        }
    }

    /// What the library must read to execute what is right.
    pub(super) fn rewrites(
        &self,
        name: Option<&Name>,
        operation: &'a OperationDefinition,
    ) -> Vec<Rewrite> {
        let definitions = by_name(operation);
        let mut places: HashMap<usize, Vec<&Usage<'a>>> = HashMap::new();
        for usage in &self.all {
            if let Some((variable, _)) = definitions.get(usage.name) {
                places.entry(*variable).or_default().push(usage);
            }
        }
        let rewrite = |(variable, usages): (usize, Vec<&Usage<'a>>)| {
            let definition = &operation.variable_definitions[variable].node;
            Some(Rewrite {
                operation: name.cloned(),
                variable,
                default: common(definition, &usages)?.clone(),
            })
        };
        places.into_iter().filter_map(rewrite).collect()
    }
}

impl Rewrite {
    /// Puts the default into the document.
    pub(crate) fn apply(self, document: &mut ExecutableDocument) {
        let operation = match (&mut document.operations, &self.operation) {
            (DocumentOperations::Single(operation), _) => Some(operation),
            (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
            (DocumentOperations::Multiple(_), None) => None,
        };
        let definitions = operation.map(|operation| &mut operation.node.variable_definitions);
        if let Some(definition) = definitions.and_then(|all| all.get_mut(self.variable)) {
            definition.node.default_value = Some(Positioned::new(self.default, definition.pos));
        }
    }
}

/// The default of all places of a variable that has none of its own.
fn common<'a>(definition: &VariableDefinition, usages: &[&Usage<'a>]) -> Option<&'a ConstValue> {
    let default = usages.first()?.default?;
    let absent = definition.var_type.node.nullable && definition.default_value.is_none();
    let alike = usages.iter().all(|usage| usage.default == Some(default));
    (absent && alike).then_some(default)
}

/// The definitions and their places in the list.
fn by_name(
    operation: &OperationDefinition,
) -> HashMap<&Name, (usize, &Positioned<VariableDefinition>)> {
    let definitions = operation.variable_definitions.iter().enumerate();
    definitions
        .map(|(at, definition)| (&definition.node.name.node, (at, definition)))
        .collect()
}

/// `IsVariableUsageAllowed` of the specification, and what it says of `@oneOf` objects.
fn allowed(definition: &VariableDefinition, usage: &Usage<'_>) -> bool {
    let (given, expected) = (&definition.var_type.node, usage.expected);
    if given.nullable && usage.never_null {
        return false;
    }
    if given.nullable && !expected.nullable {
        let default = definition.default_value.as_ref();
        let never_null = default.is_some_and(|value| value.node != ConstValue::Null);
        return (never_null || usage.default.is_some()) && fits_base(&given.base, &expected.base);
    }
    fits(given, expected)
}

fn fits(given: &Type, expected: &Type) -> bool {
    (expected.nullable || !given.nullable) && fits_base(&given.base, &expected.base)
}

fn fits_base(given: &BaseType, expected: &BaseType) -> bool {
    match (given, expected) {
        (BaseType::Named(given), BaseType::Named(expected)) => given == expected,
        (BaseType::List(given), BaseType::List(expected)) => fits(given, expected),
        _ => false,
    }
}
