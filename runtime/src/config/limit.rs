//! How much one client may ask, and how long it may take.
//!
//! One invariant: everything that a peer controls has a bound, and no bound is so small that nothing could be served or
//! so large that it bounds nothing.

use std::time::Duration;

use super::{
    reader::Reader,
    value::{self, Parsed},
};

/// The least that a document or message must have room for.
const LEAST_BYTES: usize = 1 << 10;
/// The most that one request may make us keep.
const MOST_BYTES: usize = 1 << 30;
/// Deeper documents are beyond what the parser's stack is given.
const DEEPEST: u32 = 30;

/// The bounds of the API listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// What a request's head may take to arrive, and how long a connection may wait for one.
    pub head_time: Duration,
    /// Bytes of a request's body.
    pub body: usize,
    /// What a request's body may take to arrive.
    pub body_time: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_time: Duration,
    /// What an operation may take.
    pub execution_time: Duration,
    /// Bytes of a document.
    pub document: usize,
    /// Tokens of a document.
    pub tokens: u32,
    /// Fields within fields.
    pub depth: u32,
    /// Aliases of a document.
    pub aliases: u32,
    /// Directives of a document.
    pub directives: u32,
    /// Fields of an operation's root.
    pub root_fields: u32,
    /// Fields of an operation.
    pub fields: u32,
    /// Fields of an answer.
    pub cost: u32,
    /// Bytes of persisted queries that are kept; 0 means that there are none.
    pub persisted: usize,
    /// What a socket may take to introduce itself.
    pub init_time: Duration,
    /// How long a socket may be silent.
    pub silence: Duration,
    /// Bytes of a socket's message.
    pub message: usize,
    /// Operations at a time on one socket.
    pub operations: u32,
    /// Sockets and event streams at a time.
    pub sockets: u32,
    /// Those of one client.
    pub sockets_per_address: u32,
    /// Events that a subscriber may be behind.
    pub backlog: u32,
    /// Bytes of them.
    pub backlog_bytes: usize,
}

impl LimitSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            head_time: reader.value("LIMIT_HEAD_TIME", value::positive_duration),
            body: reader.value("LIMIT_BODY", size),
            body_time: reader.value("LIMIT_BODY_TIME", value::positive_duration),
            write_time: reader.value("LIMIT_WRITE_TIME", value::positive_duration),
            execution_time: reader.value("LIMIT_EXECUTION_TIME", value::positive_duration),
            document: reader.value("LIMIT_DOCUMENT", size),
            tokens: reader.value("LIMIT_TOKENS", count),
            depth: reader.value("LIMIT_DEPTH", |text| value::number(text, 1, DEEPEST)),
            aliases: reader.value("LIMIT_ALIASES", count_or_none),
            directives: reader.value("LIMIT_DIRECTIVES", count_or_none),
            root_fields: reader.value("LIMIT_ROOT_FIELDS", count),
            fields: reader.value("LIMIT_FIELDS", count),
            cost: reader.value("LIMIT_COST", count),
            persisted: reader.value("LIMIT_PERSISTED", |text| value::bytes(text, 0, MOST_BYTES)),
            init_time: reader.value("LIMIT_INIT_TIME", value::positive_duration),
            silence: reader.value("LIMIT_SILENCE", value::positive_duration),
            message: reader.value("LIMIT_MESSAGE", size),
            operations: reader.value("LIMIT_OPERATIONS", count),
            sockets: reader.value("LIMIT_SOCKETS", count),
            sockets_per_address: reader.value("LIMIT_SOCKETS_PER_ADDRESS", count),
            backlog: reader.value("LIMIT_BACKLOG", count),
            backlog_bytes: reader.value("LIMIT_BACKLOG_BYTES", size),
        }
    }
}

fn size(text: &str) -> Parsed<usize> {
    value::bytes(text, LEAST_BYTES, MOST_BYTES)
}

fn count(text: &str) -> Parsed<u32> {
    value::number(text, 1, u32::MAX)
}

fn count_or_none(text: &str) -> Parsed<u32> {
    value::number(text, 0, u32::MAX)
}
