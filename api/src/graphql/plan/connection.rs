//! Plans of connections: pages of rows, with their edges and page information.

use store::page::Page;

use super::{
    Compiler, ObjectPlan, Planned, Run, SelectedField, Unplanned,
    object::{Steps, write_list},
};
use crate::graphql::{
    json::{push_plain, push_text},
    object::Listed,
};

/// A row of a connection that a plan can write.
pub(in crate::graphql) trait ConnectionNode: Planned + Listed {
    /// The name of the connection's type in the schema.
    const CONNECTION: &'static str;
    /// The name of the edge's type in the schema.
    const EDGE: &'static str;
}

/// The plan of a connection.
pub(in crate::graphql) struct ConnectionPlan<T>(Steps<ConnectionField<T>>);

enum ConnectionField<T> {
    Nodes(ObjectPlan<T>),
    Edges(Steps<EdgeField<T>>),
    PageInfo(Steps<PageInfoField>),
    TotalCount,
}

enum EdgeField<T> {
    Cursor,
    Node(ObjectPlan<T>),
}

enum PageInfoField {
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

impl<T: ConnectionNode> ConnectionPlan<T> {
    /// Compiles the selections of a field.
    pub(in crate::graphql) fn new<'a>(
        field: &SelectedField<'a>,
        compiler: &Compiler<'a>,
    ) -> Option<Self> {
        let steps = compiler.steps_of(field, T::CONNECTION, |field| {
            Some(match field.name() {
                "nodes" => ConnectionField::Nodes(compiler.object(field)?),
                "edges" => ConnectionField::Edges(compiler.steps_of(field, T::EDGE, |field| {
                    Some(match field.name() {
                        "cursor" => EdgeField::Cursor,
                        "node" => EdgeField::Node(compiler.object(field)?),
                        _ => return None,
                    })
                })?),
                "pageInfo" => {
                    ConnectionField::PageInfo(compiler.steps_of(field, "PageInfo", |field| {
                        Some(match field.name() {
                            "hasNextPage" => PageInfoField::HasNextPage,
                            "hasPreviousPage" => PageInfoField::HasPreviousPage,
                            "startCursor" => PageInfoField::StartCursor,
                            "endCursor" => PageInfoField::EndCursor,
                            _ => return None,
                        })
                    })?)
                }
                "totalCount" => ConnectionField::TotalCount,
                _ => return None,
            })
        });
        steps.map(Self)
    }

    /// Writes a page, and the total number of rows in its list. Writes nothing if the page is not
    /// loaded yet.
    pub(in crate::graphql) fn write(
        &self,
        page: Option<Page<&T>>,
        total: impl Fn() -> Option<i64>,
        run: &Run<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unplanned> {
        let Some(page) = page else {
            return Ok(());
        };
        let rows = &page.rows;
        self.0.write(out, |field, out| match field {
            ConnectionField::Nodes(node) => node.write_list(rows.iter().copied(), run, out),
            ConnectionField::Edges(edge) => write_list(rows, out, |row, out| {
                edge.write(out, |field, out| match field {
                    EdgeField::Cursor => {
                        push_text(out, &row.list_cursor(run.service()));
                        Ok(())
                    }
                    EdgeField::Node(node) => node.write(row, run, out),
                })
            }),
            ConnectionField::PageInfo(info) => info.write(out, |field, out| {
                let cursor = |row: Option<&&T>, out: &mut Vec<u8>| match row {
                    Some(row) => push_text(out, &row.list_cursor(run.service())),
                    None => out.extend_from_slice(b"null"),
                };
                match field {
                    PageInfoField::HasNextPage => push_plain(out, page.has_next),
                    PageInfoField::HasPreviousPage => push_plain(out, page.has_previous),
                    PageInfoField::StartCursor => cursor(rows.first(), out),
                    PageInfoField::EndCursor => cursor(rows.last(), out),
                }
                Ok(())
            }),
            ConnectionField::TotalCount => {
                let count = total().unwrap_or_default();
                push_plain(out, i32::try_from(count).unwrap_or(i32::MAX));
                Ok(())
            }
        })
    }
}
