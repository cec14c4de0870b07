//! Validates the use of variables in input positions.
//!
//! A variable is valid in a position if all of its values are. If a variable is not provided, the
//! default value of the position applies; async-graphql ignores that default, so it is added to the
//! definition of the variable (see [`Rewrite`]).

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError, Value as ConstValue, Variables,
    parser::types::{
        BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Type,
        VariableDefinition,
    },
};

use super::{error_at, selection::Scope, value::VariableUsage};
use crate::error::code;

/// Adds a default value to the definition of a variable.
#[derive(Debug, PartialEq)]
pub(crate) struct Rewrite {
    operation: Option<Name>,
    variable: usize,
    default: ConstValue,
}

/// All uses of variables in one operation.
pub(super) struct VariableUsages<'a> {
    all: Vec<VariableUsage<'a>>,
    /// Fragment spreads and usages visited.
    pub(super) steps: u64,
}

impl<'a> VariableUsages<'a> {
    /// Collects the usages of an operation and of all fragments that it spreads, directly or not.
    pub(super) fn collect(operation: &Scope<'a>, fragments: &HashMap<&'a Name, Scope<'a>>) -> Self {
        let mut all = operation.usages.clone();
        let mut seen = HashSet::new();
        let mut next: Vec<&Name> = operation.spreads.clone();
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

    /// Checks each usage. Returns whether all variables are defined.
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
            if !is_usage_allowed(&definition.node, usage) {
                let (ty, expected) = (&definition.node.var_type.node, usage.expected);
                let name = usage.name;
                let message = format!(
                    "Variable \"${name}\" of type \"{ty}\" used in position expecting type \"{expected}\"."
                );
                invalid.push(error_at(
                    code::VALIDATION_FAILED,
                    message,
                    &[definition.pos, usage.pos],
                ));
            }
        }
        complete
    }

    /// Rejects variables that are sent as null and used in a non-null position. The document is
    /// valid because the variable or the position has a default value.
    pub(super) fn check_nulls(
        &self,
        operation: &'a OperationDefinition,
        variables: &Variables,
        bad_input: &mut Vec<ServerError>,
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
                let message = format!(
                    "Variable \"${name}\" used in position expecting type \"{expected}\" must not be null."
                );
                bad_input.push(error_at(code::BAD_USER_INPUT, message, &[definition.pos]));
            }
        }
    }

    /// Returns the variables of a nullable type that are used in a non-null position.
    pub(super) fn never_null(&self, operation: &'a OperationDefinition) -> Vec<Name> {
        let definitions = by_name(operation);
        let is_nullable = |name: &Name| {
            let definition = definitions.get(name);
            definition.is_some_and(|(_, definition)| definition.node.var_type.node.nullable)
        };
        let required = self.all.iter().filter(|usage| !usage.expected.nullable);
        let names: HashSet<&Name> = required.map(|usage| usage.name).collect();
        let names = names.into_iter().filter(|name| is_nullable(name));
        names.cloned().collect()
    }

    /// Returns the defaults to add so that async-graphql executes the operation correctly.
    pub(super) fn rewrites(
        &self,
        name: Option<&Name>,
        operation: &'a OperationDefinition,
    ) -> Vec<Rewrite> {
        let definitions = by_name(operation);
        let mut positions: HashMap<usize, Vec<&VariableUsage<'a>>> = HashMap::new();
        for usage in &self.all {
            if let Some((variable, _)) = definitions.get(usage.name) {
                positions.entry(*variable).or_default().push(usage);
            }
        }
        let rewrite = |(variable, usages): (usize, Vec<&VariableUsage<'a>>)| {
            let definition = &operation.variable_definitions[variable].node;
            Some(Rewrite {
                operation: name.cloned(),
                variable,
                default: shared_default(definition, &usages)?.clone(),
            })
        };
        positions.into_iter().filter_map(rewrite).collect()
    }
}

impl Rewrite {
    /// Applies the rewrite to the document.
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

/// The default value shared by all positions of a variable that has no default.
fn shared_default<'a>(
    definition: &VariableDefinition,
    usages: &[&VariableUsage<'a>],
) -> Option<&'a ConstValue> {
    let default = usages.first()?.default?;
    let absent = definition.var_type.node.nullable && definition.default_value.is_none();
    let alike = usages.iter().all(|usage| usage.default == Some(default));
    (absent && alike).then_some(default)
}

/// The definitions by name, with their indexes.
fn by_name(
    operation: &OperationDefinition,
) -> HashMap<&Name, (usize, &Positioned<VariableDefinition>)> {
    let definitions = operation.variable_definitions.iter().enumerate();
    definitions
        .map(|(at, definition)| (&definition.node.name.node, (at, definition)))
        .collect()
}

/// `IsVariableUsageAllowed` of the specification, including its rule for `@oneOf` objects.
fn is_usage_allowed(definition: &VariableDefinition, usage: &VariableUsage<'_>) -> bool {
    let (given, expected) = (&definition.var_type.node, usage.expected);
    if given.nullable && usage.never_null {
        return false;
    }
    if given.nullable && !expected.nullable {
        let default = definition.default_value.as_ref();
        let never_null = default.is_some_and(|value| value.node != ConstValue::Null);
        return (never_null || usage.default.is_some())
            && is_base_compatible(&given.base, &expected.base);
    }
    is_compatible(given, expected)
}

fn is_compatible(given: &Type, expected: &Type) -> bool {
    (expected.nullable || !given.nullable) && is_base_compatible(&given.base, &expected.base)
}

fn is_base_compatible(given: &BaseType, expected: &BaseType) -> bool {
    match (given, expected) {
        (BaseType::Named(given), BaseType::Named(expected)) => given == expected,
        (BaseType::List(given), BaseType::List(expected)) => is_compatible(given, expected),
        _ => false,
    }
}
