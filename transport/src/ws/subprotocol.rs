//! The messages of the WebSocket subprotocols `graphql-transport-ws` and `graphql-ws`: parsing and
//! formatting.
//!
//! The error for a message that a client may not send contains the message of the close frame.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{document::params::Params, error, observer::Protocol};

/// A GraphQL subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subprotocol {
    /// `graphql-transport-ws`, of the npm package `graphql-ws`.
    Modern,
    /// `graphql-ws`, of the npm package `subscriptions-transport-ws`.
    Legacy,
}

/// A message of a client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// `connection_init`.
    Init(Credential),
    /// `ping`, to be answered with the same payload.
    Ping(Option<Box<RawValue>>),
    /// `pong`.
    Pong,
    /// `subscribe` or `start`: starts an operation with this id.
    Subscribe(String, Params),
    /// `complete` or `stop`: ends the operation with this id.
    Complete(String),
    /// `connection_terminate`.
    Terminate,
}

/// The credentials in the payload of `connection_init`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// No `authorization`. Contains another key of the payload, if it has one.
    Absent(Option<String>),
    /// The value of `authorization`.
    Value(String),
    /// `authorization` is not a string or occurs several times.
    Malformed,
}

#[derive(Deserialize)]
struct RawMessage {
    r#type: String,
    id: Option<String>,
    payload: Option<Box<RawValue>>,
}

impl Subprotocol {
    /// Selects the subprotocol from those that a client offers.
    pub(super) fn select(offered: &[&str]) -> Option<Self> {
        [Self::Modern, Self::Legacy]
            .into_iter()
            .find(|subprotocol| offered.contains(&subprotocol.name()))
    }

    /// The name in `Sec-WebSocket-Protocol`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Modern => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }

    /// The protocol for metrics.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Modern => Protocol::GraphqlTransportWs,
            Self::Legacy => Protocol::GraphqlWs,
        }
    }

    /// Parses a message.
    pub(super) fn parse(self, text: &str) -> Result<ClientMessage, &'static str> {
        const INVALID: &str = "Invalid message received";
        let RawMessage {
            r#type,
            id,
            payload,
        } = serde_json::from_str(text).map_err(|_| INVALID)?;
        match (self, r#type.as_str()) {
            (_, "connection_init") => Ok(ClientMessage::Init(credential(payload.as_deref())?)),
            (Self::Modern, "ping") => {
                check_object(payload.as_deref())?;
                Ok(ClientMessage::Ping(payload))
            }
            (Self::Modern, "pong") => {
                check_object(payload.as_deref())?;
                Ok(ClientMessage::Pong)
            }
            (Self::Modern, "subscribe") | (Self::Legacy, "start") => {
                let payload = payload.ok_or("Missing payload")?;
                let params = Params::from_json(payload.get().as_bytes())
                    .map_err(|_| "The payload is not a GraphQL request")?;
                if params.is_empty() {
                    return Err("Missing query in the payload");
                }
                Ok(ClientMessage::Subscribe(required(id)?, params))
            }
            (Self::Modern, "complete") | (Self::Legacy, "stop") => {
                Ok(ClientMessage::Complete(required(id)?))
            }
            (Self::Legacy, "connection_terminate") => Ok(ClientMessage::Terminate),
            _ => Err(INVALID),
        }
    }

    /// Formats the start of each message with a response to an operation, for [`Self::next`].
    pub(super) fn next_prefix(self, id: &str) -> String {
        let name = match self {
            Self::Modern => "next",
            Self::Legacy => "data",
        };
        format!(r#"{{"id":{},"type":"{name}","payload":"#, to_json(&id))
    }

    /// Formats a response to an operation.
    pub(super) fn next(prefix: &str, body: &[u8]) -> String {
        let mut text = String::with_capacity(prefix.len() + body.len() + 1);
        text.push_str(prefix);
        // The body is JSON, so it is UTF-8 unless the service is faulty.
        text.push_str(&String::from_utf8_lossy(body));
        text.push('}');
        text
    }

    /// Formats the end of an operation.
    pub(super) fn complete(id: &str) -> String {
        format!(r#"{{"id":{},"type":"complete"}}"#, to_json(&id))
    }

    /// Formats the errors of an operation that is rejected or has failed.
    pub(super) fn error(self, id: &str, errors: &[ServerError]) -> String {
        let payload = match self {
            Self::Modern => to_json(&errors),
            // The protocol specifies one error; its reference client reads `errors` first.
            Self::Legacy => to_json(&LegacyErrors {
                first: errors.first(),
                errors,
            }),
        };
        let id = to_json(&id);
        format!(r#"{{"id":{id},"type":"error","payload":{payload}}}"#)
    }

    pub(super) fn connection_ack() -> String {
        r#"{"type":"connection_ack"}"#.to_owned()
    }

    pub(super) fn pong(payload: Option<Box<RawValue>>) -> String {
        match payload {
            Some(payload) => format!(r#"{{"type":"pong","payload":{payload}}}"#),
            None => r#"{"type":"pong"}"#.to_owned(),
        }
    }

    /// The heartbeat of the legacy protocol.
    pub(super) fn keep_alive() -> String {
        r#"{"type":"ka"}"#.to_owned()
    }

    /// The rejection of `connection_init` in the legacy protocol.
    pub(super) fn connection_error(message: &str) -> String {
        let message = to_json(&message);
        format!(r#"{{"type":"connection_error","payload":{{"message":{message}}}}}"#)
    }
}

#[derive(Serialize)]
struct LegacyErrors<'a> {
    #[serde(flatten)]
    first: Option<&'a ServerError>,
    errors: &'a [ServerError],
}

fn required(id: Option<String>) -> Result<String, &'static str> {
    id.filter(|id| !id.is_empty()).ok_or("Missing id")
}

fn check_object(payload: Option<&RawValue>) -> Result<(), &'static str> {
    match payload {
        Some(payload) if !payload.get().starts_with('{') => Err("The payload must be an object"),
        _ => Ok(()),
    }
}

fn credential(payload: Option<&RawValue>) -> Result<Credential, &'static str> {
    check_object(payload)?;
    let Some(payload) = payload else {
        return Ok(Credential::Absent(None));
    };
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(payload.get()).map_err(|_| "Invalid payload")?;
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

fn to_json(value: &impl Serialize) -> String {
    String::from_utf8_lossy(&error::to_bytes(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_invalid(subprotocol: Subprotocol, text: &str) {
        assert!(subprotocol.parse(text).is_err(), "{text}");
    }

    #[test]
    fn invalid_messages_are_errors() {
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
            assert_invalid(Subprotocol::Modern, text);
        }
        assert_invalid(
            Subprotocol::Legacy,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}}"#,
        );
        assert_invalid(Subprotocol::Legacy, r#"{"type":"ping"}"#);
    }

    #[test]
    fn credentials_are_read_from_the_payload_of_connection_init() {
        let read = |payload: &str| {
            let text = format!(r#"{{"type":"connection_init","payload":{payload}}}"#);
            match Subprotocol::Modern.parse(&text) {
                Ok(ClientMessage::Init(credential)) => credential,
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
    fn ids_are_escaped() {
        assert_eq!(
            Subprotocol::complete("a\"b"),
            r#"{"id":"a\"b","type":"complete"}"#
        );
    }
}
