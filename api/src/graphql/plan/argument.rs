//! Arguments of fields: parsed when a plan is compiled or, if they contain variables, for each row.

use std::borrow::Cow;

use async_graphql::{InputType, Name, Value, Variables};
use async_graphql_value::Value as DocumentValue;

use super::{Compiler, Run, SelectedField, Unplanned, value_of};

/// The arguments of a field, as a value of type `A`.
pub(in crate::graphql) struct Arguments<A> {
    values: Vec<(Name, Argument)>,
    parse: fn(&Reader<'_>) -> Result<A, Unplanned>,
    /// The value, if it does not depend on variables.
    constant: Option<A>,
}

enum Argument {
    Constant(Value),
    Variable { name: Name, default: Option<Value> },
}

/// Reads the arguments of a field.
pub(in crate::graphql) struct Reader<'a> {
    values: &'a [(Name, Argument)],
    variables: &'a Variables,
}

impl<A: Clone> Arguments<A> {
    /// Compiles the arguments of a field. Returns `None` if one of them is a list or an object.
    pub(in crate::graphql) fn new(
        field: &SelectedField<'_>,
        compiler: &Compiler<'_>,
        parse: fn(&Reader<'_>) -> Result<A, Unplanned>,
    ) -> Option<Self> {
        let compile = |value: &DocumentValue| match value {
            DocumentValue::List(_) | DocumentValue::Object(_) | DocumentValue::Binary(_) => None,
            DocumentValue::Variable(name) => {
                let none = Variables::default();
                let default = value_of(name, compiler.operation(), &none).cloned();
                let name = name.clone();
                Some(Argument::Variable { name, default })
            }
            other => other.clone().into_const().map(Argument::Constant),
        };
        let values = field
            .arguments()
            .map(|(name, value)| Some((name.clone(), compile(value)?)))
            .collect::<Option<Vec<_>>>()?;
        let mut arguments = Self {
            values,
            parse,
            constant: None,
        };
        let is_constant = |(_, value): &(Name, Argument)| matches!(value, Argument::Constant(_));
        if arguments.values.iter().all(is_constant) {
            let none = Variables::default();
            arguments.constant = Some(arguments.parse(&none).ok()?);
        }
        Some(arguments)
    }

    /// Returns the arguments of a run.
    pub(in crate::graphql) fn get(&self, run: &Run<'_>) -> Result<Cow<'_, A>, Unplanned> {
        match &self.constant {
            Some(constant) => Ok(Cow::Borrowed(constant)),
            None => self.parse(run.variables()).map(Cow::Owned),
        }
    }

    fn parse(&self, variables: &Variables) -> Result<A, Unplanned> {
        (self.parse)(&Reader {
            values: &self.values,
            variables,
        })
    }
}

impl Reader<'_> {
    /// Parses an argument as async-graphql does.
    pub(in crate::graphql) fn get<T: InputType>(&self, name: &str) -> Result<T, Unplanned> {
        let argument = self.values.iter().find(|(given, _)| given == name);
        let value = argument.and_then(|(_, argument)| match argument {
            Argument::Constant(value) => Some(value.clone()),
            Argument::Variable { name, default } => {
                self.variables.get(name).or(default.as_ref()).cloned()
            }
        });
        T::parse(value).map_err(|_| Unplanned)
    }
}
