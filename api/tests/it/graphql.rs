//! GraphQL, by its own rules.

mod schema;
