//! The protocols of the providers, as their servers speak them.

use serde_json::{Value, json};

use super::StreamBehavior;

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamDialect {
    /// Kraken's WebSocket API, version 2.
    Kraken,
    /// Finnhub's trades.
    Finnhub,
    /// Alpaca's trades and daily bars.
    Alpaca,
}

/// The server's side of a connection.
#[derive(Debug)]
pub(super) struct Conversation {
    dialect: StreamDialect,
    pub(super) subscribed: Vec<String>,
}

impl StreamDialect {
    /// Returns the frame of a trade.
    pub(super) fn trade(self, name: &str, price: &str, millis: i64, number: usize) -> String {
        let time = chrono::DateTime::from_timestamp_millis(millis).expect("a time");
        let time = time.to_rfc3339();
        match self {
            Self::Kraken => format!(
                r#"{{"channel":"ticker","type":"update","data":[{{"symbol":"{name}","last":{price},"volume":3156.84782110,"low":1.5,"high":99999.5,"timestamp":"{time}"}}]}}"#
            ),
            Self::Finnhub => format!(
                r#"{{"type":"trade","data":[{{"c":["1"],"p":{price},"s":"{name}","t":{millis},"v":10}}]}}"#
            ),
            Self::Alpaca => {
                let id = 1_000 * millis + i64::try_from(number).expect("few trades");
                format!(
                    r#"[{{"T":"t","i":{id},"S":"{name}","x":"V","p":{price},"s":10,"t":"{time}","c":["@"],"z":"C"}}]"#
                )
            }
        }
    }

    /// Returns the frame of a connection without news, if the provider sends one.
    pub(super) fn heartbeat(self) -> Option<&'static str> {
        match self {
            Self::Kraken => Some(r#"{"channel":"heartbeat"}"#),
            Self::Finnhub => Some(r#"{"type":"ping"}"#),
            Self::Alpaca => None,
        }
    }

    /// Whether a connection that ends those before it is ended too.
    pub(super) fn ends_both(self) -> bool {
        self == Self::Finnhub
    }

    /// Returns the frames before a connection is ended by another one.
    pub(super) fn eviction(self) -> Vec<String> {
        match self {
            Self::Alpaca => vec![error(406, "connection limit exceeded")],
            Self::Kraken | Self::Finnhub => Vec::new(),
        }
    }
}

impl Conversation {
    pub(super) fn new(dialect: StreamDialect) -> Self {
        Self {
            dialect,
            subscribed: Vec::new(),
        }
    }

    pub(super) fn greeting(&self) -> Vec<String> {
        match self.dialect {
            StreamDialect::Kraken => vec![
                r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":18125794168470749634}]}"#.to_owned(),
            ],
            StreamDialect::Finnhub => Vec::new(),
            StreamDialect::Alpaca => vec![r#"[{"T":"success","msg":"connected"}]"#.to_owned()],
        }
    }

    pub(super) fn answer(&mut self, frame: &str, behavior: &StreamBehavior) -> Vec<String> {
        let Ok(frame) = serde_json::from_str::<Value>(frame) else {
            return Vec::new();
        };
        match self.dialect {
            StreamDialect::Kraken => self.kraken(&frame, behavior),
            StreamDialect::Finnhub => self.finnhub(&frame, behavior),
            StreamDialect::Alpaca => self.alpaca(&frame, behavior),
        }
    }

    fn kraken(&mut self, frame: &Value, behavior: &StreamBehavior) -> Vec<String> {
        let mut answers = Vec::new();
        if frame["method"] == "ping" {
            answers.push(json!({"method": "pong"}).to_string());
        }
        for name in names(&frame["params"]["symbol"]) {
            if frame["method"] == "unsubscribe" {
                self.subscribed.retain(|other| *other != name);
            } else if behavior.unknown.contains(&name) {
                let error = format!("Currency pair not supported {name}");
                answers.push(
                    json!({"error": error, "method": "subscribe", "success": false, "symbol": name})
                        .to_string(),
                );
            } else {
                let result = json!({"channel": "ticker", "symbol": name, "snapshot": true});
                answers.push(
                    json!({"method": "subscribe", "result": result, "success": true}).to_string(),
                );
                self.subscribed.push(name);
            }
        }
        answers
    }

    fn finnhub(&mut self, frame: &Value, behavior: &StreamBehavior) -> Vec<String> {
        let name = frame["symbol"].as_str().unwrap_or_default().to_owned();
        if frame["type"] == "unsubscribe" {
            self.subscribed.retain(|other| *other != name);
        } else if behavior
            .slots
            .is_some_and(|slots| self.subscribed.len() >= slots)
        {
            let text = "Subscribing to too many symbols";
            return vec![json!({"type": "error", "msg": text}).to_string()];
        } else if !behavior.unknown.contains(&name) {
            self.subscribed.push(name);
        }
        Vec::new()
    }

    fn alpaca(&mut self, frame: &Value, behavior: &StreamBehavior) -> Vec<String> {
        let mut changed = self.subscribed.clone();
        match frame["action"].as_str() {
            Some("auth") if frame["secret"] == "wrong" => return vec![error(402, "auth failed")],
            Some("auth") => return vec![r#"[{"T":"success","msg":"authenticated"}]"#.to_owned()],
            Some("subscribe") => changed.extend(names(&frame["trades"])),
            Some("unsubscribe") => {
                let removed = names(&frame["trades"]);
                changed.retain(|name| !removed.contains(name));
            }
            _ => return vec![error(400, "invalid syntax")],
        }
        changed.retain(|name| !behavior.unknown.contains(name));
        if behavior.slots.is_some_and(|slots| changed.len() > slots) {
            return vec![error(405, "symbol limit exceeded")];
        }
        self.subscribed = changed;
        let names = &self.subscribed;
        vec![
            json!([{"T": "subscription", "trades": names, "quotes": [], "dailyBars": names}])
                .to_string(),
        ]
    }
}

fn names(list: &Value) -> Vec<String> {
    let names = list.as_array().into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn error(code: u16, text: &str) -> String {
    json!([{"T": "error", "code": code, "msg": text}]).to_string()
}
