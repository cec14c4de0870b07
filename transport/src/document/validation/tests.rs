//! Tests with documents and values that are valid or invalid according to the specification.

mod literals;
mod merging;
mod variables;

use std::fmt::Write;

use async_graphql::parser::parse_query;
use serde_json::{Value, json};

use super::*;

const SDL: &str = r#"
scalar Even

enum Kind { CAT DOG }
enum Other { CAT }

input Filter { kind: Kind, text: String = "x", count: Int!, nested: [Filter!], even: Even }
input Open { count: Int! = 3, any: [Int] }
input OneOf @oneOf { a: Int, b: String }

interface Animal { id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person }
interface Being { id: ID!, name(upper: Boolean): String }

type Cat implements Animal & Being {
  id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person, lives: Int!, mood: String, size: Float
}
type Dog implements Animal & Being {
  id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person, mood: Int, tricks: [String!], size: Float!
}
type Person { id: ID!, name: String, pets: [Animal!]!, cat: Cat }

union Any = Cat | Dog | Person

type Query {
  animal(id: ID): Animal
  any: Any
  cat(kind: Kind): Cat
  dog: Dog
  int(n: Int!): Int
  float(n: Float): Int
  text(s: String!): String
  flag(b: Boolean): Int
  kinds(in: [Kind!]): Int
  pairs(in: [[Int]]): Int
  filter(by: Filter, all: [Filter!]): Int
  open(by: Open, first: Int! = 5): Int
  one(of: OneOf): Int
  even(n: Even, list: [Even!]): Int
  id(id: ID!): Int
}

type Mutation { set(by: Filter!): Int }
"#;

/// Accepts even numbers only.
struct Evens;

impl Scalars for Evens {
    fn check(&self, scalar: &str, value: &async_graphql::Value) -> Result<(), String> {
        assert_eq!(scalar, "Even");
        match value {
            async_graphql::Value::Number(n) if n.as_i64().is_some_and(|n| n % 2 == 0) => Ok(()),
            _ => Err("expected an even number".to_owned()),
        }
    }
}

fn types() -> Types {
    let types = Types::from_sdl(SDL).expect("a schema");
    types.with_scalars(Evens)
}

/// The types and defaults of the variables after validation, or the errors.
fn validate(text: &str, variables: &Value) -> Result<Vec<String>, Vec<ServerError>> {
    let mut document = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    let input = Input {
        text,
        document: &document,
        chosen,
        variables: &Variables::from_json(variables.clone()),
        steps: 50_000,
    };
    let valid = types().validate(&input)?;
    for rewrite in valid.rewrites {
        rewrite.apply(&mut document);
    }
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    let definitions = chosen.node.variable_definitions.iter();
    Ok(definitions
        .map(|definition| match &definition.node.default_value {
            Some(default) => format!("{} = {default}", definition.node.var_type),
            None => definition.node.var_type.to_string(),
        })
        .collect())
}

/// The code, locations and message of the first error.
fn first_error(text: &str, variables: &Value) -> String {
    let errors = validate(text, variables).expect_err(text);
    let error = &errors[0];
    let code = error.extensions.as_ref().and_then(|all| all.get("code"));
    let mut line = match code {
        Some(async_graphql::Value::String(code)) => code.clone(),
        other => panic!("{text}: {other:?}"),
    };
    for pos in &error.locations {
        write!(line, " {}:{}", pos.line, pos.column).expect("writing to a string");
    }
    write!(line, " {}", error.message).expect("writing to a string");
    line
}

fn assert_valid(texts: &[&str]) {
    for text in texts {
        if let Err(errors) = validate(text, &json!({})) {
            panic!("{text}: {errors:?}");
        }
    }
}
