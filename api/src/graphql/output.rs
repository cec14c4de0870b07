//! Writes responses as JSON, lists of rows in one pass.

mod column;
pub(super) mod json;
mod list;
mod plan;
mod row;

pub(super) use list::{Edges, Rows};
pub(super) use column::ColumnValue;
pub(super) use row::{Column, ConnectionNode, Row, columns, is_named};
