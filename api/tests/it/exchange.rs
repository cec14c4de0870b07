//! A stand-in for Alpha Vantage, which says of each symbol what the test wants.
//!
//! One invariant: its answers are recorded bodies, with other values in their fields.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use market::Market;
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::path};

const QUOTE: &str = include_str!("../../../tracker/tests/fixtures/alpha_vantage/quote.json");
/// The past of every symbol.
const SERIES: &str = include_str!("../../../tracker/tests/fixtures/alpha_vantage/series.json");
const UNKNOWN: &str =
    include_str!("../../../tracker/tests/fixtures/alpha_vantage/unknown_symbol.json");

/// A service that knows what it was told. Clones are the same.
#[derive(Clone)]
pub(crate) struct Exchange {
    server: Arc<MockServer>,
    desk: Desk,
}

#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    quotes: BTreeMap<String, Value>,
    asked: BTreeMap<String, usize>,
}

impl Desk {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Respond for Desk {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked = |wanted: &str| {
            let mut pairs = request.url.query_pairs();
            pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
        };
        let symbol = asked("symbol").unwrap_or_default();
        if asked("function").is_some_and(|function| function == "TIME_SERIES_DAILY") {
            let body = SERIES.replace("MSFT", &symbol);
            return ResponseTemplate::new(200).set_body_raw(body, "application/json");
        }
        let mut book = self.book();
        let body = book.quotes.get(&symbol).map(Value::to_string);
        *book.asked.entry(symbol).or_default() += 1;
        let body = body.unwrap_or_else(|| UNKNOWN.to_owned());
        ResponseTemplate::new(200).set_body_raw(body, "application/json")
    }
}

impl Exchange {
    /// Opens; knows nothing yet.
    pub(crate) async fn open() -> Self {
        let server = MockServer::start().await;
        let desk = Desk::default();
        let mock = Mock::given(path("/query")).respond_with(desk.clone());
        mock.mount(&server).await;
        let server = Arc::new(server);
        Self { server, desk }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// Quotes a symbol from now on, as of the last session.
    pub(crate) fn quote(&self, symbol: &str, price: &str, previous_close: &str) {
        let day = Market::Us.last_session(SystemClock.now());
        self.quote_of(&day.to_string(), symbol, price, previous_close);
    }

    /// Knows a symbol no more.
    pub(crate) fn forget(&self, symbol: &str) {
        self.desk.book().quotes.remove(symbol);
    }

    /// Quotes a symbol from now on, as of a trading day.
    pub(crate) fn quote_of(&self, day: &str, symbol: &str, price: &str, previous_close: &str) {
        let mut body: Value = serde_json::from_str(QUOTE).expect("a recorded body");
        let quote = &mut body["Global Quote"];
        for (field, value) in [
            ("01. symbol", symbol),
            ("05. price", price),
            ("06. volume", "17145307"),
            ("07. latest trading day", day),
            ("08. previous close", previous_close),
        ] {
            assert!(quote[field].is_string(), "{field} is a field of it");
            quote[field] = json!(value);
        }
        self.desk.book().quotes.insert(symbol.to_owned(), body);
    }

    /// How often it was asked for anything.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.desk.book().asked.values().sum()
    }

    /// How often it was asked for a symbol.
    pub(crate) fn asked(&self, symbol: &str) -> usize {
        let book = self.desk.book();
        book.asked.get(symbol).copied().unwrap_or_default()
    }
}
