//! A mock of Alpha Vantage. Its responses are recorded bodies with the values that a test sets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use market::Market;
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::path};

const QUOTE: &str = include_str!("../../../tracker/tests/fixtures/alpha_vantage/quote.json");
/// The daily series of every symbol.
const SERIES: &str = include_str!("../../../tracker/tests/fixtures/alpha_vantage/series.json");
/// The matches of every search.
const SEARCH: &str = r#"{"bestMatches":[
    {"1. symbol":"MSFT","2. name":"Microsoft Corporation","3. type":"Equity","4. region":"United States","8. currency":"USD","9. matchScore":"1.0000"},
    {"1. symbol":"MSF.DEX","2. name":"Microsoft Corporation","3. type":"Equity","4. region":"XETRA","8. currency":"EUR","9. matchScore":"0.7"}]}"#;
const INVALID_KEY: &str =
    include_str!("../../../tracker/tests/fixtures/alpha_vantage/invalid_key.json");
const UNKNOWN: &str =
    include_str!("../../../tracker/tests/fixtures/alpha_vantage/unknown_symbol.json");

/// The mock server. Clones share it.
#[derive(Clone)]
pub(crate) struct Exchange {
    server: Arc<MockServer>,
    desk: Desk,
}

#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    /// Whether it refuses the key.
    refuses: bool,
    quotes: BTreeMap<String, Value>,
    asked: BTreeMap<String, usize>,
    /// The number of searches for each text.
    searched: BTreeMap<String, usize>,
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
        if let Some(keywords) = asked("keywords") {
            *self.book().searched.entry(keywords).or_default() += 1;
            return ResponseTemplate::new(200).set_body_raw(SEARCH, "application/json");
        }
        let mut book = self.book();
        let body = if book.refuses {
            Some(INVALID_KEY.to_owned())
        } else {
            book.quotes.get(&symbol).map(Value::to_string)
        };
        *book.asked.entry(symbol).or_default() += 1;
        let body = body.unwrap_or_else(|| UNKNOWN.to_owned());
        ResponseTemplate::new(200).set_body_raw(body, "application/json")
    }
}

impl Exchange {
    /// Starts the server without any quotes.
    pub(crate) async fn open() -> Self {
        let server = MockServer::start().await;
        let desk = Desk::default();
        let mock = Mock::given(path("/query")).respond_with(desk.clone());
        mock.mount(&server).await;
        let server = Arc::new(server);
        Self { server, desk }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// Sets the quote of a symbol, for the last session.
    pub(crate) fn quote(&self, symbol: &str, price: &str, previous_close: &str) {
        let day = Market::Us.last_session(SystemClock.now());
        self.quote_of(&day.to_string(), symbol, price, previous_close);
    }

    /// Makes a symbol unknown.
    pub(crate) fn forget(&self, symbol: &str) {
        self.desk.book().quotes.remove(symbol);
    }

    /// Refuses the key from now on.
    pub(crate) fn refuse(&self) {
        self.desk.book().refuses = true;
    }

    /// Sets the quote of a symbol, for this trading day.
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

    /// Number of quote requests.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.desk.book().asked.values().sum()
    }

    /// Number of searches for a text.
    pub(crate) fn searched(&self, text: &str) -> usize {
        let book = self.desk.book();
        book.searched.get(text).copied().unwrap_or_default()
    }

    /// Number of quote requests for a symbol.
    pub(crate) fn asked(&self, symbol: &str) -> usize {
        let book = self.desk.book();
        book.asked.get(symbol).copied().unwrap_or_default()
    }
}
