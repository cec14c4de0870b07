//! Random documents over the schema: every field, with fragments, aliases, repetitions and
//! directives.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition},
};
use proptest::{collection::vec, prelude::*};

use crate::graphql::{
    object::{NodeKind, global_id},
    schema::sdl,
};

/// The maximum depth of nested objects.
const MAX_DEPTH: usize = 8;

/// A document that is valid, except for the values of some arguments.
#[derive(Clone, Debug)]
pub(super) struct RandomDocument(pub(super) String);

pub(super) fn document() -> impl Strategy<Value = RandomDocument> {
    vec(any::<u8>(), 8..120).prop_map(|choices| Generator::new(choices).write())
}

/// The fields of every object and interface, by type.
pub(super) static TYPES: LazyLock<BTreeMap<String, Vec<FieldDefinition>>> = LazyLock::new(|| {
    let schema = parse_schema(sdl()).expect("the schema can be read");
    let fields = |definition: TypeSystemDefinition| match definition {
        TypeSystemDefinition::Type(it) => {
            let fields = match it.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => return None,
            };
            let fields = fields.into_iter().map(|field| field.node).collect();
            Some((it.node.name.node.to_string(), fields))
        }
        _ => None,
    };
    schema.definitions.into_iter().filter_map(fields).collect()
});

/// The name of a type without its lists.
pub(super) fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(of) => named(of),
    }
}

/// Generates a document from random choices. The document ends soon after the last choice.
struct Generator {
    choices: std::vec::IntoIter<u8>,
    fragments: Vec<(String, String)>,
    variables: [bool; 2],
}

impl Generator {
    fn new(choices: Vec<u8>) -> Self {
        Self {
            choices: choices.into_iter(),
            fragments: Vec::new(),
            variables: [false; 2],
        }
    }

    fn write(mut self) -> RandomDocument {
        let selection = self.selection("Query", 0);
        let mut text = String::from("query");
        let variables = [" $yes: Boolean!", " $no: Boolean!"];
        let used: String = variables
            .iter()
            .zip(self.variables)
            .filter_map(|(name, used)| used.then_some(*name))
            .collect();
        if !used.is_empty() {
            write!(text, "({used})").expect("writing to a string cannot fail");
        }
        text.push_str(&selection);
        for (at, (on, selection)) in self.fragments.iter().enumerate() {
            write!(text, " fragment F{at} on {on}{selection}")
                .expect("writing to a string cannot fail");
        }
        RandomDocument(text)
    }

    /// Chooses a number below `many`: 0 once the choices are used up.
    fn pick(&mut self, many: usize) -> usize {
        usize::from(self.choices.next().unwrap_or_default()) % many
    }

    fn selection(&mut self, on: &str, depth: usize) -> String {
        let mut text = String::from("{");
        for _ in 0..=self.pick(5) {
            text.push(' ');
            let part = match self.pick(12) {
                0 => "__typename".to_owned(),
                1 => "typeName: __typename".to_owned(),
                2 => self.inline(on, depth),
                3 => self.spread(on, depth),
                _ => self.field(on, depth),
            };
            text.push_str(&part);
        }
        text + " }"
    }

    fn inline(&mut self, on: &str, depth: usize) -> String {
        let condition = self.condition(on);
        let directive = self.directive();
        let on = condition.as_deref().unwrap_or(on);
        let selection = self.selection(on, depth + 1);
        let condition = condition.as_deref().map(|on| format!(" on {on}"));
        format!("...{}{directive}{selection}", condition.unwrap_or_default())
    }

    fn spread(&mut self, on: &str, depth: usize) -> String {
        let directive = self.directive();
        let known: Vec<usize> = (0..self.fragments.len())
            .filter(|at| self.fragments[*at].0 == on)
            .collect();
        let at = if !known.is_empty() && self.pick(2) == 1 {
            known[self.pick(known.len())]
        } else {
            let on = self.condition(on).unwrap_or_else(|| on.to_owned());
            let selection = self.selection(&on, depth + 1);
            self.fragments.push((on, selection));
            self.fragments.len() - 1
        };
        format!("...F{at}{directive}")
    }

    /// Chooses the type condition of a fragment within `on`.
    fn condition(&mut self, on: &str) -> Option<String> {
        let kinds: &[&str] = match on {
            "Node" => &["Stock", "Alert", "AlertRule", "Node"],
            "Stock" | "Alert" | "AlertRule" => &[on, "Node"],
            _ => &[on],
        };
        let at = self.pick(kinds.len() + 1);
        kinds.get(at).map(|on| (*on).to_owned())
    }

    fn directive(&mut self) -> String {
        let (directive, variable) = match self.pick(10) {
            6 => (" @include(if: $yes)", Some(0)),
            7 => (" @skip(if: $no)", Some(1)),
            8 => (" @include(if: $no)", Some(1)),
            9 => (" @skip(if: false) @include(if: true)", None),
            _ => ("", None),
        };
        if let Some(variable) = variable {
            self.variables[variable] = true;
        }
        directive.to_owned()
    }

    fn field(&mut self, on: &str, depth: usize) -> String {
        let is_used_up = self.choices.as_slice().is_empty();
        let only_leaves = is_used_up || depth >= MAX_DEPTH;
        let fields: Vec<&FieldDefinition> = TYPES[on]
            .iter()
            .filter(|field| on != "Query" || field.name.node != "status")
            .filter(|field| !only_leaves || !TYPES.contains_key(named(&field.ty.node)))
            .collect();
        if fields.is_empty() {
            return "__typename".to_owned();
        }
        let field = fields[self.pick(fields.len())];
        let Some(arguments) = self.arguments(field) else {
            return "__typename".to_owned();
        };
        // Fields with the same key have the same arguments.
        let digits: String = arguments
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let name = &field.name.node;
        let alias = match (self.pick(4), digits.is_empty()) {
            (3, _) => format!("other_{name}_{digits}: "),
            (_, false) => format!("{name}_{digits}: "),
            _ => String::new(),
        };
        let directive = self.directive();
        let of = named(&field.ty.node);
        let selection = if TYPES.contains_key(of) {
            self.selection(of, depth + 1)
        } else {
            String::new()
        };
        format!("{alias}{name}{arguments}{directive}{selection}")
    }

    /// `None` if a required argument has no known values.
    fn arguments(&mut self, field: &FieldDefinition) -> Option<String> {
        let mut text = String::new();
        for argument in &field.arguments {
            let argument = &argument.node;
            let required = !argument.ty.node.nullable;
            let value = match &*argument.name.node {
                "symbol" => Some(format!("\"S{}\"", self.pick(3))),
                "first" if self.pick(3) > 0 => {
                    Some(["2", "0", "3", "501"][self.pick(9) % 7 % 4].to_owned())
                }
                "last" if text.is_empty() && self.pick(4) == 3 => Some("2".to_owned()),
                "after" if self.pick(40) == 39 => Some("\"x\"".to_owned()),
                "interval" => Some(["ONE_DAY", "ONE_MINUTE"][self.pick(2)].to_owned()),
                "id" => Some(self.id()),
                "ids" => Some(format!("[{}, {}, {}]", self.id(), self.id(), self.id())),
                _ => None,
            };
            match value {
                Some(value) => {
                    let separator = if text.is_empty() { "(" } else { ", " };
                    let name = &argument.name.node;
                    write!(text, "{separator}{name}: {value}")
                        .expect("writing to a string cannot fail");
                }
                None if required => return None,
                None => {}
            }
        }
        if !text.is_empty() {
            text.push(')');
        }
        Some(text)
    }

    fn id(&mut self) -> String {
        let kind = [NodeKind::Stock, NodeKind::Alert, NodeKind::AlertRule][self.pick(3)];
        let row = i64::try_from(self.pick(3)).expect("small") + 1;
        format!("\"{}\"", *global_id(kind, row))
    }
}
