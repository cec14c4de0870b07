//! The plain WebSocket with parameters: selected symbols, and a cursor to resume after.

use std::{fmt::Write, fs};

use entity::{Cursor, Position};
use serde_json::{Value, json};
use testkit::oracle::{Oracle, RowContent, StoredEvent};

use crate::{
    archive::{AAPL, ALERTS, IBM, on_archives},
    client::Client,
    databases::on_both,
    product::Product,
    rest::problem,
};

const EVENTS: usize = AAPL.len() + IBM.len() + ALERTS.len();

on_archives! {
    async fn a_client_that_is_cut_off_after_any_event_resumes_with_the_next(archive) {
        let beginning = beginning(archive, "AAPL").await;
        let all = frames(archive, &format!("after={beginning}"), EVENTS).await;
        assert_eq!(all.iter().filter(|it| it["type"] == "alert").count(), ALERTS.len());
        for (at, frame) in all.iter().enumerate() {
            let keys: Vec<_> = frame.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["cursor", "payload", "type"]);
            let after = frame["cursor"].as_str().expect("a cursor");
            let rest = frames(archive, &format!("after={after}"), EVENTS - at - 1).await;
            assert_eq!(rest, all[at + 1..], "after {frame}");
            if frame["type"] == "alert" {
                let price = &all[..at].iter().rfind(|it| it["payload"]["symbol"] == frame["payload"]["symbol"]);
                assert_eq!(price.expect("a price")["payload"]["current_price"], frame["payload"]["price"]);
            }
        }
        for (symbols, selected) in [("ibm,IBM", &["IBM"][..]), ("IBM,AAPL,MSFT", &["AAPL", "IBM"]), ("AAPL", &["AAPL"])] {
            let is_selected = |it: &&Value| selected.contains(&it["payload"]["symbol"].as_str().expect("a symbol"));
            let expected: Vec<_> = all.iter().filter(is_selected).cloned().collect();
            let selected_frames = frames(archive, &format!("symbols={symbols}&after={beginning}"), expected.len()).await;
            assert_eq!(selected_frames, expected, "{symbols}");
        }
    }

    async fn its_cursors_equal_those_of_graphql(archive) {
        let beginning = beginning(archive, "AAPL").await;
        let mut events = frames(archive, &format!("after={beginning}"), EVENTS).await;
        let mut cursors: Vec<_> = events.iter_mut().map(|it| it["cursor"].take()).collect();
        let data = archive.ask(r#"{ aapl: history(symbol: "AAPL") { nodes { cursor } }
            ibm: history(symbol: "IBM") { nodes { cursor } } alerts { nodes { cursor } } }"#).await;
        let lists = ["aapl", "ibm", "alerts"].map(|list| data[list]["nodes"].as_array().expect("a list").clone());
        let mut expected: Vec<_> = lists.concat().iter().map(|it| it["cursor"].clone()).collect();
        cursors.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(cursors, expected);
    }

    async fn invalid_parameters_are_rejected_before_the_handshake(archive) {
        let data = archive.ask(r#"{ stocks { edges { cursor } } history(symbol: "AAPL", first: 1) { nodes { cursor } } }"#).await;
        let stock = data["stocks"]["edges"][0]["cursor"].as_str().expect("a cursor");
        let newest = position(data["history"]["nodes"][0]["cursor"].as_str().expect("a cursor"));
        let other = Cursor::Feed(Position { epoch: newest.epoch + 1, ..newest }).encode();
        let beyond = Cursor::Feed(Position { seq: newest.seq + 1_000_000, ..newest }).encode();
        let listed = archive.get("/api/v1/alerts?limit=1").await;
        let (_, listed) = listed.header("link").split_once("after=").expect("a link");
        let (listed, _) = listed.split_once('>').expect("the end");
        for (query, status, named, is_expired) in [
            ("symbols=", 400, "symbols: must not be empty", false),
            ("symbols=AAPL,", 400, "symbols \"\" is not a symbol", false),
            ("symbols=AAPL,no%20symbol", 400, "symbols \"no symbol\" is not a symbol: 1 to 32 of ", false),
            ("symbols=AAPL&symbols=IBM", 400, "symbols is given twice", false),
            ("symbols=AAPL,NOPE", 404, "NOPE ", false),
            ("symbols=M%26M.NS", 404, "M&M.NS ", false),
            ("after=", 400, "after: ", true),
            ("after=x", 400, "after: ", true),
            (&*format!("after={stock}"), 400, "after: ", true),
            (&*format!("after={listed}"), 400, "after: ", true),
            (&*format!("symbols=AAPL&after={other}"), 400, "after: ", true),
            (&*format!("after={beyond}"), 400, "after: ", true),
        ] {
            let path = format!("/ws?{query}");
            assert_eq!(Client::open(archive, &path, &[]).await.err(), Some(status), "{query}");
            // A browser cannot read the response to a handshake, but can `fetch` the same URL.
            let mut answer = archive.get(&path).await;
            let mut body = answer.json();
            let reason = body.as_object_mut().expect("an object").remove("reason");
            assert_eq!(reason, is_expired.then(|| json!("CURSOR_EXPIRED")), "{query}");
            answer.text = body.to_string();
            let detail = problem(&answer, status);
            assert!(detail.starts_with(named), "{query}: {detail}");
        }
        assert!(problem(&archive.get("/ws?symbols=AAPL").await, 400).contains("WebSocket"));
        Client::open(archive, "/ws?colour=red", &[]).await.expect("what is unknown is ignored");
    }
}

on_both! {
    async fn a_backlog_is_read_from_the_tables_however_long_it_is(home) {
        let file = home.folder.path().join("days.csv");
        fs::write(&file, days()).expect("written");
        let symbols: Vec<_> = STOCKS.map(|stock| format!("S{stock}")).collect();
        let variables = [
            ("REPLAY_FILE", file.to_str().expect("a path")),
            ("REPLAY_SPEED", "max"),
            ("REPLAY_LOOP", "false"),
            ("DEFAULT_SYMBOLS", &*symbols.join(",")),
            // Far fewer than the stored events.
            ("LIMIT_BACKLOG", "10"),
        ];
        let product = home.start(&variables).await;
        let count = STOCKS.len() * (DAYS - 1);
        let ended = |data: &Value| (data["alerts"]["totalCount"] == count).then_some(());
        product.until_data("the replay ends", "{ alerts { totalCount } }", ended).await;
        drop(product);
        // A process that started later has none of them in memory.
        let product = home.start(&variables).await;
        let beginning = beginning(&product, "S100").await;
        let mut selections = Vec::new();
        for selected in [&symbols[..], &symbols[..1], &symbols[3..5]] {
            let expected = selected.len() * (2 * DAYS - 1);
            let query = if selected.len() == symbols.len() {
                format!("after={beginning}")
            } else {
                format!("symbols={}&after={beginning}", selected.join(","))
            };
            selections.push((selected, frames(&product, &query, expected).await));
        }
        drop(product);
        let tables = Oracle::read(&home.database.connect().await, &[]).await;
        for (selected, frames) in selections {
            let received: Vec<_> = frames.iter().map(|frame| {
                let cursor = frame["cursor"].as_str().expect("a cursor");
                (position(cursor).seq, frame["type"] == "alert", frame["payload"]["symbol"].as_str().expect("a symbol"))
            }).collect();
            let stored: Vec<_> = tables.rows.iter().filter(|row| selected.contains(&row.symbol)).filter_map(row).collect();
            assert_eq!(received, stored, "{selected:?}");
        }
    }
}

/// The position of a price or an alert, and whether it is an alert.
fn row(row: &StoredEvent) -> Option<(i64, bool, &str)> {
    match row.content {
        RowContent::Price(_) => Some((row.seq, false, &row.symbol)),
        RowContent::Alert(_) => Some((row.seq, true, &row.symbol)),
        RowContent::Tracked(_) => None,
    }
}

const STOCKS: std::ops::Range<usize> = 100..140;
const DAYS: usize = 30;

/// Stocks that rise or fall by more than 5 % each day.
fn days() -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    let first: chrono::NaiveDate = "2008-01-02".parse().expect("a date");
    for (at, day) in first.iter_days().take(DAYS).enumerate() {
        let close = if at % 2 == 0 { 100 } else { 110 };
        for stock in STOCKS {
            let row = format!("S{stock},{day},{close},{close},{close},{close},1000,{close}");
            writeln!(file, "{row}").expect("memory");
        }
    }
    file
}

/// Opens a socket with these parameters, and receives this many frames.
async fn frames(product: &Product, query: &str, count: usize) -> Vec<Value> {
    let opened = Client::open(product, &format!("/ws?{query}"), &[]).await;
    let mut client = opened.expect("accepted");
    let mut frames = Vec::new();
    while frames.len() < count {
        frames.push(client.receive().await);
    }
    frames
}

/// The cursor before the first price of a symbol.
async fn beginning(product: &Product, symbol: &str) -> String {
    let query = format!("{{ history(symbol: \"{symbol}\", last: 1) {{ nodes {{ cursor }} }} }}");
    let oldest = product.ask(&query).await;
    let oldest = oldest["history"]["nodes"][0]["cursor"].as_str();
    let first = position(oldest.expect("a cursor"));
    let before = Position {
        seq: first.seq - 1,
        ..first
    };
    Cursor::Feed(before).encode()
}

fn position(cursor: &str) -> Position {
    let Ok(Cursor::Feed(position)) = Cursor::decode(cursor) else {
        panic!("{cursor} is not of the feed");
    };
    position
}
