//! What a schema's text says of its types, by name.
//!
//! Invariant: made once and never changed; what the text does not define is unknown here, and
//! judging it is the library's. Built by the application at start, read by every check here.

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

/// The types, directives and meta-fields that every schema has.
const BUILT_IN: &str = include_str!("introspection.graphql");
/// Whose fields are the meta-fields.
const META: &str = "__Meta";

/// Judges values of scalars that GraphQL does not know.
pub trait Scalars: Send + Sync + 'static {
    /// Whether that may be a value of the scalar of that name.
    ///
    /// # Errors
    ///
    /// Why it may not, for the client to read.
    fn check(&self, scalar: &str, value: &ConstValue) -> Result<(), String>;

    /// What programs are told of a wrong value of that scalar in a subscription, as `extensions.reason`.
    fn reason(&self, _scalar: &str) -> Option<&'static str> {
        None
    }
}

/// Every value will do, until it is executed.
struct Lenient;

impl Scalars for Lenient {
    fn check(&self, _: &str, _: &ConstValue) -> Result<(), String> {
        Ok(())
    }
}

/// The types of a schema, for judging operations before they are executed.
#[derive(Clone)]
pub struct Types(Arc<Definitions>);

#[derive(Clone)]
struct Definitions {
    types: HashMap<Name, Definition>,
    directives: HashMap<Name, Instruction>,
    query: Name,
    mutation: Name,
    subscription: Name,
    scalars: Arc<dyn Scalars>,
    /// Whether clients may ask for the schema itself.
    introspection: bool,
}

/// Arguments, or fields of an input object.
pub(super) type Inputs = BTreeMap<Name, Input>;

/// One argument, or one field of an input object.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) ty: Type,
    /// Its default, unless that is null.
    pub(super) default: Option<ConstValue>,
}

impl Input {
    /// Whether it must be given.
    pub(super) fn required(&self) -> bool {
        !self.ty.nullable && self.default.is_none()
    }
}

/// One field that can be selected.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) ty: Type,
    pub(super) arguments: Inputs,
}

/// One directive.
#[derive(Debug, Clone)]
pub(super) struct Instruction {
    pub(super) arguments: Inputs,
    /// Whether definitions of variables may have it.
    pub(super) on_variables: bool,
}

/// One named type.
#[derive(Debug, Clone)]
pub(super) enum Definition {
    Scalar,
    Enum(HashSet<Name>),
    Input {
        fields: Inputs,
        /// Exactly one field is given.
        one_of: bool,
    },
    Composite {
        /// Neither an interface nor a union.
        object: bool,
        fields: HashMap<Name, Output>,
    },
}

impl Types {
    /// Reads a schema's text, for instance `async_graphql::Schema::sdl`.
    ///
    /// # Errors
    ///
    /// It is not the text of a schema.
    pub fn from_sdl(sdl: &str) -> Result<Self, parser::Error> {
        let mut definitions = Definitions {
            types: HashMap::new(),
            directives: HashMap::new(),
            query: Name::new("Query"),
            mutation: Name::new("Mutation"),
            subscription: Name::new("Subscription"),
            scalars: Arc::new(Lenient),
            introspection: true,
        };
        for text in [BUILT_IN, sdl] {
            for definition in parser::parse_schema(text)?.definitions {
                definitions.add(definition);
            }
        }
        Ok(Self(Arc::new(definitions)))
    }

    /// Judges the values of the schema's own scalars, too.
    #[must_use]
    pub fn with_scalars(mut self, scalars: impl Scalars) -> Self {
        Arc::make_mut(&mut self.0).scalars = Arc::new(scalars);
        self
    }

    /// Refuses questions for the schema itself, but for `__typename`.
    #[must_use]
    pub fn without_introspection(mut self) -> Self {
        Arc::make_mut(&mut self.0).introspection = false;
        self
    }

    /// Whether that field of that type asks for the schema though clients may not.
    pub(super) fn hidden(&self, parent: &str, name: &str) -> bool {
        !self.0.introspection
            && parent == self.0.query.as_str()
            && matches!(name, "__schema" | "__type")
    }

    /// The type of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Definition> {
        self.0.types.get(name)
    }

    /// The application's judgement.
    pub(super) fn check(&self, scalar: &str, value: &ConstValue) -> Result<(), String> {
        self.0.scalars.check(scalar, value)
    }

    /// What goes with it for programs.
    pub(super) fn reason(&self, scalar: &str) -> Option<&'static str> {
        self.0.scalars.reason(scalar)
    }

    /// The directive of that name.
    pub(super) fn directive(&self, name: &str) -> Option<&Instruction> {
        self.0.directives.get(name)
    }

    /// The type whose fields are an operation's root fields.
    pub(super) fn root(&self, ty: OperationType) -> &str {
        match ty {
            OperationType::Query => &self.0.query,
            OperationType::Mutation => &self.0.mutation,
            OperationType::Subscription => &self.0.subscription,
        }
    }

    /// That field of that type, meta-fields among them.
    pub(super) fn field(&self, parent: &str, name: &str) -> Option<&Output> {
        let meta = match name {
            "__typename" => true,
            "__schema" | "__type" => parent == self.0.query.as_str(),
            _ => false,
        };
        match self.find(if meta { META } else { parent })? {
            Definition::Composite { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// Whether that is an object, so that no value is of it and of another at the same time.
    pub(super) fn is_object(&self, name: &str) -> bool {
        matches!(
            self.find(name),
            Some(Definition::Composite { object: true, .. })
        )
    }

    /// Whether values of that type have no fields.
    pub(super) fn is_leaf(&self, name: &str) -> bool {
        matches!(
            self.find(name),
            Some(Definition::Scalar | Definition::Enum(_))
        )
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
                let instruction = Instruction {
                    on_variables: locations
                        .any(|location| location.node == DirectiveLocation::VariableDefinition),
                    arguments: inputs(directive.arguments),
                };
                self.directives.insert(directive.name.node, instruction);
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

    /// An extension adds to what is there.
    fn add_type(&mut self, ty: TypeDefinition) {
        let mut directives = ty.directives.iter();
        let one_of = directives.any(|directive| directive.node.name.node == "oneOf");
        let added = match ty.kind {
            TypeKind::Scalar => Definition::Scalar,
            TypeKind::Enum(values) => {
                let values = values.values.into_iter();
                Definition::Enum(values.map(|value| value.node.value.node).collect())
            }
            TypeKind::InputObject(input) => Definition::Input {
                fields: inputs(input.fields),
                one_of,
            },
            TypeKind::Object(object) => Definition::Composite {
                object: true,
                fields: outputs(object.fields),
            },
            TypeKind::Interface(interface) => Definition::Composite {
                object: false,
                fields: outputs(interface.fields),
            },
            TypeKind::Union(_) => Definition::Composite {
                object: false,
                fields: HashMap::new(),
            },
        };
        let name = ty.name.node;
        match (self.types.get_mut(&name), added) {
            (Some(Definition::Enum(all)), Definition::Enum(more)) => all.extend(more),
            (Some(Definition::Input { fields, .. }), Definition::Input { fields: more, .. }) => {
                fields.extend(more);
            }
            (
                Some(Definition::Composite { fields, .. }),
                Definition::Composite { fields: more, .. },
            ) => fields.extend(more),
            (_, added) => {
                self.types.insert(name, added);
            }
        }
    }
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> Inputs {
    let definitions = definitions.into_iter().map(|definition| definition.node);
    definitions
        .map(|definition| {
            let default = definition.default_value.map(|value| value.node);
            let input = Input {
                ty: definition.ty.node,
                default: default.filter(|value| *value != ConstValue::Null),
            };
            (definition.name.node, input)
        })
        .collect()
}

fn outputs(definitions: Vec<Positioned<FieldDefinition>>) -> HashMap<Name, Output> {
    let definitions = definitions.into_iter().map(|definition| definition.node);
    definitions
        .map(|definition| {
            let output = Output {
                ty: definition.ty.node,
                arguments: inputs(definition.arguments),
            };
            (definition.name.node, output)
        })
        .collect()
}

/// The type's name, whatever lists are around it.
pub(super) fn base(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base(item),
    }
}
