//! Writes responses as JSON. Lists of rows are written in one pass where that is possible.

mod column;
pub(super) mod json;
mod list;
mod plan;
mod row;

pub(super) use column::ColumnValue;
pub(super) use list::{Edges, Rows};
pub(super) use row::{Column, ConnectionNode, Row, columns, is_named};
