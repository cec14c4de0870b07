//! Settings for the limits of the API: sizes, counts and timeouts of everything that a client
//! controls.

use std::time::Duration;

use super::{
    reader::SettingsReader,
    value::{self, Parsed},
};

/// Minimum of a maximum size, so that small requests always fit.
const MIN_SIZE: usize = 1 << 10;
/// Maximum of a maximum size, which bounds the memory of one request.
const MAX_SIZE: usize = 1 << 30;
/// Maximum nesting depth that the parser can process without a stack overflow.
const MAX_DEPTH: u32 = 30;

/// The limits of the API listener. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Timeout for receiving the headers of a request, and for an idle connection.
    pub head_time: Duration,
    /// Size of a request body.
    pub body: usize,
    /// Timeout for receiving a request body.
    pub body_time: Duration,
    /// Timeout for a write that makes no progress.
    pub write_time: Duration,
    /// Timeout of an operation.
    pub execution_time: Duration,
    /// Size of a document.
    pub document: usize,
    /// Tokens in a document.
    pub tokens: u32,
    /// Nesting of fields.
    pub depth: u32,
    /// Aliases in a document.
    pub aliases: u32,
    /// Directives in a document.
    pub directives: u32,
    /// Root fields of an operation.
    pub root_fields: u32,
    /// Fields in an operation, with fragments expanded.
    pub fields: u32,
    /// Fields in a response, estimated from the sizes of its lists (query complexity).
    pub cost: u32,
    /// Size of the cache of prepared documents; 0 disables it.
    pub prepared: usize,
    /// Size of the cache of automatic persisted queries; 0 disables them.
    pub persisted: usize,
    /// Size of the cache of the newest prices and alerts of stocks; 0 disables it.
    pub recent: usize,
    /// Timeout for `connection_init` on a GraphQL WebSocket.
    pub init_time: Duration,
    /// Idle timeout of a GraphQL WebSocket.
    pub silence: Duration,
    /// Size of a WebSocket message.
    pub message: usize,
    /// Concurrent operations on a WebSocket.
    pub operations: u32,
    /// Concurrent WebSockets and event streams.
    pub sockets: u32,
    /// Concurrent WebSockets and event streams of a client.
    pub sockets_per_address: u32,
    /// Undelivered events of a subscriber.
    pub backlog: u32,
    /// Maximum number of alert rules of users.
    pub rules: u32,
    /// Concurrent searches for symbols.
    pub searches: u32,
    /// Size of the undelivered events of a subscriber.
    pub backlog_bytes: usize,
}

impl LimitSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            head_time: reader.value("LIMIT_HEAD_TIME", value::positive_duration),
            body: reader.value("LIMIT_BODY", size),
            body_time: reader.value("LIMIT_BODY_TIME", value::positive_duration),
            write_time: reader.value("LIMIT_WRITE_TIME", value::positive_duration),
            execution_time: reader.value("LIMIT_EXECUTION_TIME", value::positive_duration),
            document: reader.value("LIMIT_DOCUMENT", size),
            tokens: reader.value("LIMIT_TOKENS", count),
            depth: reader.value("LIMIT_DEPTH", |text| value::number(text, 1, MAX_DEPTH)),
            aliases: reader.value("LIMIT_ALIASES", count_or_none),
            directives: reader.value("LIMIT_DIRECTIVES", count_or_none),
            root_fields: reader.value("LIMIT_ROOT_FIELDS", count),
            fields: reader.value("LIMIT_FIELDS", count),
            cost: reader.value("LIMIT_COST", count),
            prepared: reader.value("LIMIT_PREPARED", |text| value::bytes(text, 0, MAX_SIZE)),
            persisted: reader.value("LIMIT_PERSISTED", |text| value::bytes(text, 0, MAX_SIZE)),
            recent: reader.value("LIMIT_RECENT", |text| value::bytes(text, 0, MAX_SIZE)),
            init_time: reader.value("LIMIT_INIT_TIME", value::positive_duration),
            silence: reader.value("LIMIT_SILENCE", value::positive_duration),
            message: reader.value("LIMIT_MESSAGE", size),
            operations: reader.value("LIMIT_OPERATIONS", count),
            sockets: reader.value("LIMIT_SOCKETS", count),
            sockets_per_address: reader.value("LIMIT_SOCKETS_PER_ADDRESS", count),
            rules: reader.value("LIMIT_RULES", count),
            searches: reader.value("LIMIT_SEARCHES", count),
            backlog: reader.value("LIMIT_BACKLOG", count),
            backlog_bytes: reader.value("LIMIT_BACKLOG_BYTES", size),
        }
    }
}

fn size(text: &str) -> Parsed<usize> {
    value::bytes(text, MIN_SIZE, MAX_SIZE)
}

fn count(text: &str) -> Parsed<u32> {
    value::number(text, 1, u32::MAX)
}

fn count_or_none(text: &str) -> Parsed<u32> {
    value::number(text, 0, u32::MAX)
}
