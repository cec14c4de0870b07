//! The type definitions of a schema, indexed by name.
//!
//! Built once from SDL when the application starts, then immutable. A name that the SDL does not
//! define is not checked here; async-graphql reports it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use async_graphql::{
    Name, Positioned, Value as ConstValue,
    parser::{
        self,
        types::{
            BaseType, DirectiveLocation, FieldDefinition, InputValueDefinition, OperationType,
            SchemaDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
        },
    },
};

/// The types, directives and meta-fields of every schema.
const BUILT_IN: &str = include_str!("introspection.graphql");
/// The type that holds the meta-fields.
const META: &str = "__Meta";

/// Checks values of custom scalars.
pub trait Scalars: Send + Sync + 'static {
    /// Checks whether `value` is a value of the scalar.
    ///
    /// # Errors
    ///
    /// The reason it is not, as a message for the client.
    fn check(&self, scalar: &str, value: &ConstValue) -> Result<(), String>;

    /// The `extensions.reason` of an invalid value of this scalar in a subscription.
    fn reason(&self, _scalar: &str) -> Option<&'static str> {
        None
    }
}

/// Accepts every value; the scalar's own parser checks it at execution.
struct AcceptAll;

impl Scalars for AcceptAll {
    fn check(&self, _: &str, _: &ConstValue) -> Result<(), String> {
        Ok(())
    }
}

/// The types of a schema, used to validate operations before execution.
#[derive(Clone)]
pub struct Types(Arc<Definitions>);

#[derive(Clone)]
struct Definitions {
    types: HashMap<Name, TypeDef>,
    directives: HashMap<Name, DirectiveDef>,
    query: Name,
    mutation: Name,
    subscription: Name,
    scalars: Arc<dyn Scalars>,
    /// Whether clients may query the schema.
    introspection: bool,
}

/// Arguments, or the fields of an input object.
pub(super) type InputDefs = BTreeMap<Name, InputDef>;

/// An argument, or a field of an input object.
#[derive(Debug, Clone)]
pub(super) struct InputDef {
    pub(super) ty: Type,
    /// The default value, `None` if it is null.
    pub(super) default: Option<ConstValue>,
}

impl InputDef {
    /// Whether a value must be provided.
    pub(super) fn is_required(&self) -> bool {
        !self.ty.nullable && self.default.is_none()
    }
}

/// A field that can be selected.
#[derive(Debug, Clone)]
pub(super) struct FieldDef {
    pub(super) ty: Type,
    pub(super) arguments: InputDefs,
}

/// A directive.
#[derive(Debug, Clone)]
pub(super) struct DirectiveDef {
    pub(super) arguments: InputDefs,
    /// Whether the directive is allowed on variable definitions.
    pub(super) on_variables: bool,
}

/// A named type.
#[derive(Debug, Clone)]
pub(super) enum TypeDef {
    Scalar,
    Enum(HashSet<Name>),
    Input {
        fields: InputDefs,
        /// Exactly one field must be provided (`@oneOf`).
        one_of: bool,
    },
    Composite {
        /// `false` for an interface or a union.
        object: bool,
        fields: HashMap<Name, FieldDef>,
    },
}

impl Types {
    /// Parses a schema in SDL, for example the output of `async_graphql::Schema::sdl`.
    ///
    /// # Errors
    ///
    /// The text is not valid SDL.
    pub fn from_sdl(sdl: &str) -> Result<Self, parser::Error> {
        let mut definitions = Definitions {
            types: HashMap::new(),
            directives: HashMap::new(),
            query: Name::new("Query"),
            mutation: Name::new("Mutation"),
            subscription: Name::new("Subscription"),
            scalars: Arc::new(AcceptAll),
            introspection: true,
        };
        for text in [BUILT_IN, sdl] {
            for definition in parser::parse_schema(text)?.definitions {
                definitions.add(definition);
            }
        }
        Ok(Self(Arc::new(definitions)))
    }

    /// Sets the checks for values of custom scalars.
    #[must_use]
    pub fn with_scalars(mut self, scalars: impl Scalars) -> Self {
        Arc::make_mut(&mut self.0).scalars = Arc::new(scalars);
        self
    }

    /// Disables introspection, except `__typename`.
    #[must_use]
    pub fn without_introspection(mut self) -> Self {
        Arc::make_mut(&mut self.0).introspection = false;
        self
    }

    /// Whether the field is an introspection field and introspection is disabled.
    pub(super) fn is_hidden(&self, parent: &str, name: &str) -> bool {
        !self.0.introspection
            && parent == self.0.query.as_str()
            && matches!(name, "__schema" | "__type")
    }

    /// The definition of a type.
    pub(super) fn find(&self, name: &str) -> Option<&TypeDef> {
        self.0.types.get(name)
    }

    /// Checks a value of a custom scalar.
    pub(super) fn check(&self, scalar: &str, value: &ConstValue) -> Result<(), String> {
        self.0.scalars.check(scalar, value)
    }

    /// The `extensions.reason` of an invalid value of a custom scalar.
    pub(super) fn reason(&self, scalar: &str) -> Option<&'static str> {
        self.0.scalars.reason(scalar)
    }

    /// The definition of a directive.
    pub(super) fn directive(&self, name: &str) -> Option<&DirectiveDef> {
        self.0.directives.get(name)
    }

    /// The name of the root type of an operation.
    pub(super) fn root(&self, ty: OperationType) -> &str {
        match ty {
            OperationType::Query => &self.0.query,
            OperationType::Mutation => &self.0.mutation,
            OperationType::Subscription => &self.0.subscription,
        }
    }

    /// The definition of a field, including meta-fields.
    pub(super) fn field(&self, parent: &str, name: &str) -> Option<&FieldDef> {
        let meta = match name {
            "__typename" => true,
            "__schema" | "__type" => parent == self.0.query.as_str(),
            _ => false,
        };
        match self.find(if meta { META } else { parent })? {
            TypeDef::Composite { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// Whether the type is an object type, so that a value of it has no other object type.
    pub(super) fn is_object(&self, name: &str) -> bool {
        matches!(
            self.find(name),
            Some(TypeDef::Composite { object: true, .. })
        )
    }

    /// Whether the type is a scalar or an enum.
    pub(super) fn is_leaf(&self, name: &str) -> bool {
        matches!(self.find(name), Some(TypeDef::Scalar | TypeDef::Enum(_)))
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types")
            .field("types", &self.0.types.len())
            .finish_non_exhaustive()
    }
}

impl Definitions {
    fn add(&mut self, definition: TypeSystemDefinition) {
        match definition {
            TypeSystemDefinition::Schema(schema) => self.name_roots(schema.node),
            TypeSystemDefinition::Directive(directive) => {
                let directive = directive.node;
                let mut locations = directive.locations.iter();
                let definition = DirectiveDef {
                    on_variables: locations
                        .any(|location| location.node == DirectiveLocation::VariableDefinition),
                    arguments: inputs(directive.arguments),
                };
                self.directives.insert(directive.name.node, definition);
            }
            TypeSystemDefinition::Type(ty) => self.add_type(ty.node),
        }
    }

    fn name_roots(&mut self, schema: SchemaDefinition) {
        let roots = [
            (&mut self.query, schema.query),
            (&mut self.mutation, schema.mutation),
            (&mut self.subscription, schema.subscription),
        ];
        for (root, name) in roots {
            if let Some(name) = name {
                *root = name.node;
            }
        }
    }

    /// Adds a type. An `extend` adds to the existing definition.
    fn add_type(&mut self, ty: TypeDefinition) {
        let mut directives = ty.directives.iter();
        let one_of = directives.any(|directive| directive.node.name.node == "oneOf");
        let added = match ty.kind {
            TypeKind::Scalar => TypeDef::Scalar,
            TypeKind::Enum(values) => {
                let values = values.values.into_iter();
                TypeDef::Enum(values.map(|value| value.node.value.node).collect())
            }
            TypeKind::InputObject(input) => TypeDef::Input {
                fields: inputs(input.fields),
                one_of,
            },
            TypeKind::Object(object) => TypeDef::Composite {
                object: true,
                fields: outputs(object.fields),
            },
            TypeKind::Interface(interface) => TypeDef::Composite {
                object: false,
                fields: outputs(interface.fields),
            },
            TypeKind::Union(_) => TypeDef::Composite {
                object: false,
                fields: HashMap::new(),
            },
        };
        let name = ty.name.node;
        match (self.types.get_mut(&name), added) {
            (Some(TypeDef::Enum(all)), TypeDef::Enum(more)) => all.extend(more),
            (Some(TypeDef::Input { fields, .. }), TypeDef::Input { fields: more, .. }) => {
                fields.extend(more);
            }
            (Some(TypeDef::Composite { fields, .. }), TypeDef::Composite { fields: more, .. }) => {
                fields.extend(more);
            }
            (_, added) => {
                self.types.insert(name, added);
            }
        }
    }
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> InputDefs {
    let definitions = definitions.into_iter().map(|definition| definition.node);
    definitions
        .map(|definition| {
            let default = definition.default_value.map(|value| value.node);
            let input = InputDef {
                ty: definition.ty.node,
                default: default.filter(|value| *value != ConstValue::Null),
            };
            (definition.name.node, input)
        })
        .collect()
}

fn outputs(definitions: Vec<Positioned<FieldDefinition>>) -> HashMap<Name, FieldDef> {
    let definitions = definitions.into_iter().map(|definition| definition.node);
    definitions
        .map(|definition| {
            let output = FieldDef {
                ty: definition.ty.node,
                arguments: inputs(definition.arguments),
            };
            (definition.name.node, output)
        })
        .collect()
}

/// The innermost named type of `ty`, without lists.
pub(super) fn base(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base(item),
    }
}
