//! The schema's text: up to date, compatible with the contract, and described.

use std::{collections::BTreeMap, fs, path::PathBuf};

use async_graphql::parser::{
    parse_schema,
    types::{
        FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

/// The contract with clients.
const CONTRACT: &str = include_str!("contract.graphql");

/// The members of a schema by path: `Type`, `Type.field` or `Type.field(argument)`.
type Members = BTreeMap<String, Member>;

#[derive(Debug)]
struct Member {
    /// The kind of a type, or the type and default of a field.
    is: String,
    /// Whether it has a description.
    described: bool,
}

fn members(sdl: &str) -> Members {
    let mut members = Members::new();
    for definition in parse_schema(sdl).expect("an SDL").definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            add_type(&mut members, &definition.node);
        }
    }
    members
}

fn add_type(members: &mut Members, definition: &TypeDefinition) {
    let name = definition.name.node.as_str();
    let (kind, fields): (_, &[_]) = match &definition.kind {
        TypeKind::Scalar => ("scalar", &[]),
        TypeKind::Object(object) => ("type", &object.fields),
        TypeKind::Interface(interface) => ("interface", &interface.fields),
        TypeKind::Union(_) => ("union", &[]),
        TypeKind::Enum(_) => ("enum", &[]),
        TypeKind::InputObject(_) => ("input", &[]),
    };
    let described = definition.description.is_some();
    add(members, name.to_owned(), kind.to_owned(), described);
    for field in fields {
        add_field(members, name, &field.node);
    }
    match &definition.kind {
        TypeKind::Object(object) => {
            for interface in &object.implements {
                let path = format!("{name} implements {}", interface.node);
                add(members, path, String::new(), true);
            }
        }
        TypeKind::Enum(values) => {
            for value in &values.values {
                let path = format!("{name}.{}", value.node.value.node);
                let described = value.node.description.is_some();
                add(members, path, "value".to_owned(), described);
            }
        }
        TypeKind::InputObject(input) => {
            for field in &input.fields {
                add_input(
                    members,
                    &format!("{name}.{}", field.node.name.node),
                    &field.node,
                );
            }
        }
        _ => {}
    }
}

fn add_field(members: &mut Members, of: &str, field: &FieldDefinition) {
    let path = format!("{of}.{}", field.name.node);
    for argument in &field.arguments {
        let path = format!("{path}({})", argument.node.name.node);
        add_input(members, &path, &argument.node);
    }
    let described = field.description.is_some();
    add(members, path, field.ty.node.to_string(), described);
}

fn add_input(members: &mut Members, path: &str, input: &InputValueDefinition) {
    let default = input.default_value.as_ref();
    let default = default.map(|value| format!(" = {}", value.node));
    let is = format!("{}{}", input.ty.node, default.unwrap_or_default());
    add(members, path.to_owned(), is, input.description.is_some());
}

fn add(members: &mut Members, path: String, is: String, described: bool) {
    assert!(!members.contains_key(&path), "two {path}");
    members.insert(path, Member { is, described });
}

#[test]
fn the_committed_sdl_is_fresh() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../schema.graphql"));
    let sdl = api::sdl();
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test, not a setting"
    )]
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &sdl).expect("written");
    }
    assert!(
        fs::read_to_string(&file).is_ok_and(|committed| committed == sdl),
        "schema.graphql is stale: UPDATE=1 cargo test -p api committed_sdl"
    );
}

#[test]
fn the_sdl_has_everything_in_the_contract_and_requires_nothing_else() {
    let (contract, real) = (members(CONTRACT), members(&api::sdl()));
    let mut faults = Vec::new();
    for (path, member) in &contract {
        match real.get(path) {
            None => faults.push(format!("{path} is missing")),
            Some(real) if real.is != member.is => {
                faults.push(format!("{path} is {} instead of {}", real.is, member.is));
            }
            Some(_) => {}
        }
    }
    // An argument that is not in the contract must be optional.
    for (path, real) in real
        .iter()
        .filter(|(path, _)| !contract.contains_key(*path))
    {
        let known = path
            .split_once('(')
            .is_some_and(|(field, _)| contract.contains_key(field));
        if known && real.is.ends_with('!') {
            faults.push(format!("{path} is required, but not in the contract"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_member_of_the_sdl_has_a_description() {
    let members = members(&api::sdl());
    let undescribed: Vec<_> = members.iter().filter(|(_, it)| !it.described).collect();
    assert!(
        undescribed.is_empty(),
        "without a description: {undescribed:#?}"
    );
}

#[test]
fn every_custom_scalar_has_a_specification_url() {
    let sdl = api::sdl();
    let scalars: Vec<&str> = sdl
        .lines()
        .filter(|line| line.starts_with("scalar "))
        .collect();
    assert_eq!(scalars.len(), 6, "{scalars:?}");
    for scalar in scalars {
        assert!(scalar.contains("@specifiedBy(url: \"https://"), "{scalar}");
    }
}
