//! The two subprotocols, as text: what a client's message means and how an answer is written.
//!
//! Invariant: pure; knows no socket and no session. A message that its sender may not send is an
//! error with the reason to close for. Called by sessions for every message.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{document::params::Params, fault, observer::Protocol};

/// Which subprotocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `graphql-transport-ws`, of npm `graphql-ws`.
    Modern,
    /// `graphql-ws`, of npm `subscriptions-transport-ws`.
    Legacy,
}

/// What a client says.
#[derive(Debug)]
pub(super) enum Said {
    /// Introduces itself.
    Init(Credential),
    /// Wants a pong with the same payload.
    Ping(Option<Box<RawValue>>),
    /// Answers a ping.
    Pong,
    /// Starts an operation.
    Start(String, Params),
    /// Wants no more of one.
    Stop(String),
    /// Leaves.
    Terminate,
}

/// What the payload of an introduction says of who it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// Nothing: the handshake's counts. Some other key may be there.
    Absent(Option<String>),
    /// The value of an `Authorization` header.
    Value(String),
    /// Something that is no text, or several of them.
    Malformed,
}

#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    id: Option<String>,
    payload: Option<Box<RawValue>>,
}

impl Dialect {
    /// The name in the handshake.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Modern => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }

    /// The name in metrics.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Modern => Protocol::GraphqlTransportWs,
            Self::Legacy => Protocol::GraphqlWs,
        }
    }

    /// Reads a message.
    pub(super) fn read(self, text: &str) -> Result<Said, &'static str> {
        // Names of the other dialect are unknown here.
        const INVALID: &str = "Invalid message received";
        let Envelope {
            r#type,
            id,
            payload,
        } = serde_json::from_str(text).map_err(|_| INVALID)?;
        match (self, r#type.as_str()) {
            (_, "connection_init") => Ok(Said::Init(credential(payload.as_deref())?)),
            (Self::Modern, "ping") => {
                object(payload.as_deref())?;
                Ok(Said::Ping(payload))
            }
            (Self::Modern, "pong") => {
                object(payload.as_deref())?;
                Ok(Said::Pong)
            }
            (Self::Modern, "subscribe") | (Self::Legacy, "start") => {
                let payload = payload.ok_or("the payload is missing")?;
                let params = Params::from_json(payload.get().as_bytes())
                    .map_err(|_| "the payload is not a GraphQL request")?;
                if params.is_empty() {
                    return Err("the payload has no query");
                }
                Ok(Said::Start(identified(id)?, params))
            }
            (Self::Modern, "complete") | (Self::Legacy, "stop") => Ok(Said::Stop(identified(id)?)),
            (Self::Legacy, "connection_terminate") => Ok(Said::Terminate),
            _ => Err(INVALID),
        }
    }

    /// What precedes each response to the operation of that id; `}` follows.
    pub(super) fn next_prefix(self, id: &str) -> String {
        let name = match self {
            Self::Modern => "next",
            Self::Legacy => "data",
        };
        format!(r#"{{"id":{},"type":"{name}","payload":"#, quoted(id))
    }

    /// Nothing follows for that id.
    pub(super) fn complete(id: &str) -> String {
        format!(r#"{{"id":{},"type":"complete"}}"#, quoted(id))
    }

    /// The operation is refused, or failed for good.
    pub(super) fn error(self, id: &str, errors: &[ServerError]) -> String {
        let payload = match self {
            Self::Modern => json(&errors),
            // One error, by that protocol's page; all of them where its client looks first.
            Self::Legacy => json(&Legacy {
                first: errors.first(),
                errors,
            }),
        };
        format!(
            r#"{{"id":{},"type":"error","payload":{payload}}}"#,
            quoted(id)
        )
    }

    /// The introduction is accepted.
    pub(super) fn acknowledged() -> String {
        r#"{"type":"connection_ack"}"#.to_owned()
    }

    /// The answer to a ping.
    pub(super) fn pong(payload: Option<Box<RawValue>>) -> String {
        match payload {
            Some(payload) => format!(r#"{{"type":"pong","payload":{payload}}}"#),
            None => r#"{"type":"pong"}"#.to_owned(),
        }
    }

    /// The legacy heartbeat.
    pub(super) fn keep_alive() -> String {
        r#"{"type":"ka"}"#.to_owned()
    }

    /// The legacy refusal of an introduction.
    pub(super) fn refused(message: &str) -> String {
        format!(
            r#"{{"type":"connection_error","payload":{{"message":{}}}}}"#,
            quoted(message)
        )
    }
}

#[derive(Serialize)]
struct Legacy<'a> {
    #[serde(flatten)]
    first: Option<&'a ServerError>,
    errors: &'a [ServerError],
}

fn identified(id: Option<String>) -> Result<String, &'static str> {
    id.filter(|id| !id.is_empty()).ok_or("the id is missing")
}

fn object(payload: Option<&RawValue>) -> Result<(), &'static str> {
    match payload {
        Some(payload) if !payload.get().starts_with('{') => Err("the payload is not an object"),
        _ => Ok(()),
    }
}

fn credential(payload: Option<&RawValue>) -> Result<Credential, &'static str> {
    object(payload)?;
    let Some(payload) = payload else {
        return Ok(Credential::Absent(None));
    };
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(payload.get()).map_err(|_| "the payload cannot be read")?;
    let (named, others): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .partition(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let mut values = named.into_iter().map(|(_, value)| value);
    Ok(match (values.next(), values.next()) {
        (None | Some(serde_json::Value::Null), None) => {
            Credential::Absent(others.into_iter().next().map(|(name, _)| name))
        }
        (Some(serde_json::Value::String(value)), None) => Credential::Value(value),
        _ => Credential::Malformed,
    })
}

fn quoted(text: &str) -> String {
    json(&text)
}

fn json(value: &impl Serialize) -> String {
    String::from_utf8_lossy(&fault::to_bytes(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects(dialect: Dialect, text: &str) {
        assert!(dialect.read(text).is_err(), "{text}");
    }

    #[test]
    fn what_a_client_may_not_send_is_an_error() {
        for text in [
            "",
            "[]",
            "1",
            r#"{"type":1}"#,
            r#"{"id":"1"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"ping","payload":[]}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":"{a}"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"complete","id":""}"#,
        ] {
            rejects(Dialect::Modern, text);
        }
        rejects(
            Dialect::Legacy,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#,
        );
        rejects(Dialect::Legacy, r#"{"type":"ping"}"#);
    }

    #[test]
    fn an_introduction_carries_a_token_or_none() {
        let read = |payload: &str| {
            let text = format!(r#"{{"type":"connection_init","payload":{payload}}}"#);
            match Dialect::Modern.read(&text) {
                Ok(Said::Init(credential)) => credential,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read("null"), Credential::Absent(None));
        assert_eq!(read("{}"), Credential::Absent(None));
        assert_eq!(read(r#"{"authorization":null}"#), Credential::Absent(None));
        let other = Credential::Absent(Some("token".to_owned()));
        assert_eq!(read(r#"{"token":"x"}"#), other);
        assert_eq!(
            read(r#"{"Authorization":"Bearer x"}"#),
            Credential::Value("Bearer x".to_owned())
        );
        assert_eq!(read(r#"{"authorization":1}"#), Credential::Malformed);
        let twice = r#"{"authorization":"Bearer x","Authorization":"Bearer y"}"#;
        assert_eq!(read(twice), Credential::Malformed);
    }

    #[test]
    fn ids_are_quoted() {
        assert_eq!(
            Dialect::complete("a\"b"),
            r#"{"id":"a\"b","type":"complete"}"#
        );
    }
}
