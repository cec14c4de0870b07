//! Global ids, which identify an object of any type to clients.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Returns the global id of a row: base64url, without padding, of the type's name in the GraphQL
/// schema and the row's id, such as `Alert:7`.
pub fn global_id(kind: &str, row: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{row}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_encodes_the_type_and_the_row() {
        assert_eq!(global_id("Alert", 7), "QWxlcnQ6Nw");
        assert_eq!(global_id("Stock", -1), "U3RvY2s6LTE");
    }
}
