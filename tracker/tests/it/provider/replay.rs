//! The replay provider, with the bundled prices and with files.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use chrono::{Datelike, NaiveDate};
use entity::{Decimal, Symbol};
use runtime::config::{ReplaySettings, ReplaySpeed};
use tracker::{
    provider::{Pacing, Poll, PollError, PositionError, QuoteProvider, Replay, ReplayError},
    quote::{PreviousClose, Quote},
};

use super::{journal::Journal, symbol};

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn bundled() -> [Symbol; 5] {
    ["AAPL", "FB", "GOOG", "IBM", "MSFT"].map(symbol)
}

fn open(from: Option<&str>, repeat: bool) -> Replay {
    Replay::new(&ReplaySettings {
        file: None,
        from: Some(date(from.unwrap_or("2004-08-19"))),
        speed: ReplaySpeed::Max,
        repeat,
    })
    .expect("the bundled prices")
}

/// Writes a file. The name must be unique among the tests.
fn file(name: &str, rows: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let header = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close";
    std::fs::write(&path, format!("{header}\n{rows}")).expect("a file");
    path
}

fn open_file(path: PathBuf, from: Option<&str>, repeat: bool) -> Result<Replay, ReplayError> {
    Replay::new(&ReplaySettings {
        file: Some(path),
        from: from.map(date),
        speed: ReplaySpeed::Max,
        repeat,
    })
}

/// Three days. BBB has no bar on the second.
const THREE_DAYS: &str = "\
AAA,2020-01-02,1,2,0.5,1.5,100,1.5
BBB,2020-01-02,10,20,5,15,100,15
AAA,2020-01-03,1,2,0.5,1.25,100,1.25
AAA,2020-01-06,1,2,0.5,1.75,100,1.75
BBB,2020-01-06,10,20,5,16,100,16
";

fn quotes(poll: &Poll) -> impl Iterator<Item = &Quote> {
    poll.answers
        .iter()
        .filter_map(|(_, answer)| answer.as_ref().ok())
}

async fn next_day(replay: &Replay, symbol: &Symbol) -> Quote {
    let poll = replay.poll(std::slice::from_ref(symbol)).await;
    quotes(&poll).next().expect("a quote").clone()
}

#[tokio::test]
async fn the_bundled_prices_have_exactly_three_splits() {
    let replay = open(Some("2000-03-01"), false);
    let mut closes: BTreeMap<Symbol, Decimal> = BTreeMap::new();
    let mut firsts = Vec::new();
    let mut splits = Vec::new();
    while !replay.is_finished() {
        let poll = replay.poll(&bundled()).await;
        for quote in quotes(&poll) {
            let before = closes.insert(quote.symbol.clone(), quote.price);
            match (quote.previous_close, before) {
                (PreviousClose::None, None) => {
                    firsts.push(format!("{} {}", quote.symbol, quote.trading_day));
                }
                (PreviousClose::Sent(close), Some(before)) if close == before => {}
                (PreviousClose::Sent(close), Some(before)) => splits.push(format!(
                    "{} {} {before} became {close}",
                    quote.symbol, quote.trading_day
                )),
                other => panic!("{other:?} of {} on {}", quote.symbol, quote.trading_day),
            }
        }
    }
    assert_eq!(
        firsts,
        [
            "AAPL 2000-03-01",
            "IBM 2000-03-01",
            "MSFT 2000-03-01",
            "GOOG 2004-08-19",
            "FB 2012-05-18",
        ]
    );
    // MSFT's special dividend of $3 on 2004-11-15 is not among them.
    assert_eq!(
        splits,
        [
            "AAPL 2000-06-21 101.25 became 50.625",
            "MSFT 2003-02-18 48.3 became 24.15",
            "AAPL 2005-02-28 88.99 became 44.495",
        ]
    );
}

#[tokio::test]
async fn the_bundled_days_match_the_trading_calendar() {
    let replay = open(Some("2000-03-01"), false);
    let expected = date("2000-03-01")
        .iter_days()
        .take_while(|day| *day <= date("2013-03-01"))
        .filter(|day| market::is_trading_day(*day));
    for day in expected {
        assert_eq!(next_day(&replay, &symbol("IBM")).await.trading_day, day);
    }
    assert!(replay.is_finished());
}

#[tokio::test]
async fn a_replay_starts_on_the_first_day_of_the_four_default_symbols() {
    let replay = open(None, true);
    assert_eq!(
        replay.note().as_deref(),
        Some("replay of historical prices, 2004-08-19")
    );
    let poll = replay.poll(&bundled()).await;
    let google = quotes(&poll)
        .find(|quote| quote.symbol.as_str() == "GOOG")
        .expect("a quote");
    assert_eq!(
        *google,
        Quote {
            previous_close: PreviousClose::None,
            open: Some(decimal("100.01")),
            high: Some(decimal("104.06")),
            low: Some(decimal("95.96")),
            volume: Some(44_659_000),
            market_time: Some("2004-08-19T20:00:00Z".parse().expect("an instant")),
            name: Some("Google Inc.".to_owned()),
            currency: Some("USD".to_owned()),
            exchange: Some("NASDAQ".to_owned()),
            ..Quote::new(symbol("GOOG"), decimal("100.335"), date("2004-08-19"))
        }
    );
    for quote in quotes(&poll) {
        assert_eq!(
            quote.previous_close,
            PreviousClose::None,
            "{}",
            quote.symbol
        );
    }
    assert!(
        poll.answers
            .contains(&(symbol("FB"), Err(PollError::NoQuote)))
    );
}

#[tokio::test]
async fn an_early_close_is_at_13_00() {
    let replay = open(Some("2012-11-23"), false);
    let quote = next_day(&replay, &symbol("FB")).await;
    assert_eq!(
        quote.market_time.map(|time| time.to_string()).as_deref(),
        Some("2012-11-23T18:00:00Z")
    );
}

#[tokio::test]
async fn answers_are_for_the_requested_symbols_in_their_order() {
    let replay = open(None, true);
    let requested = ["MSFT", "TSLA", "FB", "AAPL"].map(symbol);
    let poll = replay.poll(&requested).await;
    let answered: Vec<&str> = poll
        .answers
        .iter()
        .map(|(symbol, _)| symbol.as_str())
        .collect();
    assert_eq!(answered, ["MSFT", "TSLA", "FB", "AAPL"]);
    assert_eq!(poll.answers[1].1, Err(PollError::UnknownSymbol));
    assert_eq!(poll.answers[2].1, Err(PollError::NoQuote));
    assert_eq!(
        requested.map(|symbol| replay.knows(&symbol)),
        [Some(true), Some(false), Some(true), Some(true)]
    );
    // Without symbols the replay advances too.
    assert!(replay.poll(&[]).await.answers.is_empty());
    assert_eq!(
        next_day(&replay, &symbol("IBM")).await.trading_day,
        date("2004-08-23")
    );
}

#[tokio::test]
async fn each_pass_shifts_the_dates_by_whole_weeks_past_the_previous_pass() {
    let replay = open(None, true);
    let ibm = symbol("IBM");
    let mut passes = vec![Vec::new()];
    let mut last = NaiveDate::MIN;
    for _ in 0..5000 {
        let quote = next_day(&replay, &ibm).await;
        assert!(quote.trading_day > last, "{}", quote.trading_day);
        last = quote.trading_day;
        if quote.previous_close == PreviousClose::None {
            passes.push(Vec::new());
        }
        passes.last_mut().expect("a pass").push(quote);
    }
    let [first, second] = [&passes[1], &passes[2]];
    // 2004-08-19 to 2013-03-01 is 445 weeks and a day.
    assert_eq!(second[0].trading_day, date("2013-03-07"));
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(second) {
        assert_eq!((second.trading_day - first.trading_day).num_weeks(), 446);
        assert_eq!(first.trading_day.weekday(), second.trading_day.weekday());
        assert_eq!(first.price, second.price);
        assert_eq!(first.previous_close, second.previous_close);
        let hour = |quote: &Quote| {
            let time = quote.market_time.expect("a time").to_utc();
            time.with_timezone(&chrono_tz::America::New_York).time()
        };
        assert_eq!(hour(first), hour(second), "{}", second.trading_day);
    }
    assert_eq!(passes[3][0].trading_day, date("2021-09-23"));
}

#[tokio::test]
async fn a_restart_continues_with_the_next_day_of_the_same_pass() {
    let path = file("restart.csv", THREE_DAYS);
    let open = || open_file(path.clone(), None, true).expect("a file");
    let without = open();
    let aaa = symbol("AAA");
    let mut position: Option<String> = None;
    for _ in 0..8 {
        let restarted = open();
        assert_eq!(restarted.resume(position.as_deref()), Ok(()));
        let poll = restarted.poll(std::slice::from_ref(&aaa)).await;
        assert_eq!(quotes(&poll).next(), Some(&next_day(&without, &aaa).await));
        assert_eq!(restarted.note(), without.note());
        position = poll.position;
    }
    // The second day of the third pass, with its date in the file.
    assert_eq!(
        without.note().as_deref(),
        Some("replay of historical prices, 2020-01-03")
    );
}

#[tokio::test]
async fn days_that_were_not_committed_are_replayed_again() {
    let replay = open(None, true);
    let ibm = symbol("IBM");
    let committed = replay.poll(std::slice::from_ref(&ibm)).await.position;
    let lost = next_day(&replay, &ibm).await;
    assert_eq!(replay.resume(committed.as_deref()), Ok(()));
    assert_eq!(next_day(&replay, &ibm).await, lost);
    assert_eq!(replay.resume(None), Ok(()));
    assert_eq!(
        next_day(&replay, &ibm).await.trading_day,
        date("2004-08-19")
    );
}

#[tokio::test]
async fn a_position_of_other_data_starts_a_pass_after_the_replayed_days() {
    let earlier = open(Some("2013-02-25"), true);
    let position = earlier.poll(&[]).await.position;
    // Another first day: the pass is shifted to start a week later.
    let replay = open(None, true);
    assert_eq!(
        replay.resume(position.as_deref()),
        Err(PositionError::OtherData)
    );
    let ibm = symbol("IBM");
    let quote = next_day(&replay, &ibm).await;
    assert_eq!(quote.trading_day, date("2013-02-28"));
    assert_eq!(quote.price, next_day(&open(None, true), &ibm).await.price);

    // A later first day needs no shift, and neither does another file with later days.
    let replay = open(Some("2013-02-26"), true);
    assert_eq!(
        replay.resume(position.as_deref()),
        Err(PositionError::OtherData)
    );
    assert_eq!(
        next_day(&replay, &ibm).await.trading_day,
        date("2013-02-26")
    );
    let path = file("other.csv", THREE_DAYS);
    let replay = open_file(path, None, true).expect("a file");
    assert_eq!(
        replay.resume(position.as_deref()),
        Err(PositionError::OtherData)
    );
    assert_eq!(
        next_day(&replay, &symbol("AAA")).await.trading_day,
        date("2020-01-02")
    );
}

#[tokio::test]
async fn an_invalid_position_starts_at_the_beginning() {
    let replay = open(None, true);
    let ibm = symbol("IBM");
    for position in [
        "",
        "once upon a time",
        "0 2004-08-19 1",
        "0 2004-08-19 -1 2004-08-19",
    ] {
        next_day(&replay, &ibm).await;
        assert_eq!(
            replay.resume(Some(position)),
            Err(PositionError::Invalid),
            "{position}"
        );
        assert_eq!(
            next_day(&replay, &ibm).await.trading_day,
            date("2004-08-19")
        );
    }
}

#[tokio::test]
async fn without_a_loop_the_replay_ends() {
    let path = file("idle.csv", THREE_DAYS);
    let replay = open_file(path.clone(), None, false).expect("a file");
    let requested = ["AAA", "CCC"].map(symbol);
    let mut position = None;
    for _ in 0..3 {
        assert!(!replay.is_finished());
        position = replay.poll(&requested).await.position;
    }
    for _ in 0..3 {
        assert!(replay.is_finished());
        let poll = replay.poll(&requested).await;
        assert_eq!(poll.position, None);
        assert_eq!(poll.answers[0].1, Err(PollError::NoQuote));
        assert_eq!(poll.answers[1].1, Err(PollError::UnknownSymbol));
    }
    assert_eq!(
        replay.note().as_deref(),
        Some("replay of historical prices, ended 2020-01-06")
    );

    let restarted = open_file(path.clone(), None, false).expect("a file");
    assert_eq!(restarted.resume(position.as_deref()), Ok(()));
    assert!(restarted.is_finished());
    let repeating = open_file(path, None, true).expect("a file");
    assert_eq!(repeating.resume(position.as_deref()), Ok(()));
    assert_eq!(
        next_day(&repeating, &symbol("AAA")).await.trading_day,
        date("2020-01-09")
    );
}

#[tokio::test]
async fn the_previous_close_after_a_day_without_a_bar_is_of_the_previous_row() {
    let path = file("gap.csv", THREE_DAYS);
    let replay = open_file(path, None, true).expect("a file");
    let both = ["AAA", "BBB"].map(symbol);
    replay.poll(&both).await;
    assert_eq!(
        replay.poll(&both).await.answers[1].1,
        Err(PollError::NoQuote)
    );
    let quote = replay
        .poll(&both)
        .await
        .answers
        .remove(1)
        .1
        .expect("a quote");
    assert_eq!(quote.previous_close, PreviousClose::Sent(decimal("15")));
    assert_eq!(
        (quote.name, quote.currency, quote.exchange),
        (None, None, None)
    );
    // The next pass starts without a previous close.
    let quote = replay
        .poll(&both)
        .await
        .answers
        .remove(1)
        .1
        .expect("a quote");
    assert_eq!(quote.previous_close, PreviousClose::None);
}

#[tokio::test]
async fn replay_from_may_be_before_or_between_the_days_of_the_file_but_not_after() {
    let path = file("from.csv", THREE_DAYS);
    for (from, begins, next_pass) in [
        (None, "2020-01-02", "2020-01-09"),
        (Some("1990-01-01"), "2020-01-02", "2020-01-09"),
        (Some("2020-01-04"), "2020-01-06", "2020-01-13"),
        (Some("2020-01-06"), "2020-01-06", "2020-01-13"),
    ] {
        let replay = open_file(path.clone(), from, true).expect("a file");
        let (first, last) = replay.days();
        assert_eq!((first, last), (date(begins), date("2020-01-06")));
        let mut quote = next_day(&replay, &symbol("AAA")).await;
        assert_eq!(quote.trading_day, date(begins));
        while quote.trading_day <= last {
            quote = next_day(&replay, &symbol("AAA")).await;
        }
        assert_eq!(quote.trading_day, date(next_pass), "from {from:?}");
    }
    let error = open_file(path.clone(), Some("2020-01-07"), true).expect_err("an error");
    assert_eq!(
        error.to_string(),
        format!(
            "REPLAY_FROM=2020-01-07: must be at most 2020-01-06, the last day of {}",
            path.display()
        )
    );
}

#[test]
fn an_error_names_the_invalid_or_missing_file() {
    let path = file("bad.csv", &THREE_DAYS.replace("1.75,100", "0,100"));
    let error = open_file(path.clone(), Some("2020-01-06"), true).expect_err("an error");
    assert_eq!(
        error.to_string(),
        format!(
            "{}, line 5: Close is \"0\", must be a price greater than 0",
            path.display()
        )
    );
    let missing = path.with_file_name("missing.csv");
    let error = open_file(missing.clone(), None, true).expect_err("an error");
    assert_eq!(
        error.to_string(),
        format!("cannot read {}", missing.display())
    );
}

#[tokio::test]
async fn the_replay_restarts_at_the_dates_of_the_file_when_the_years_run_out() {
    let path = file("late.csv", "AAA,9999-12-20,1,2,0.5,1.5,100,1.5\n");
    let open = || open_file(path.clone(), None, true).expect("a file");
    let (first, second) = (date("9999-12-20"), date("9999-12-27"));
    let aaa = [symbol("AAA")];
    let mut replay = open();
    let mut position = None;
    for (day, restarts) in [
        (first, false),
        (second, false),
        (first, true),
        (second, false),
        (first, true),
    ] {
        assert_eq!(replay.restarts_at(), restarts.then_some(first));
        let poll = replay.poll(&aaa).await;
        assert_eq!(poll.follows, position);
        assert_eq!(quotes(&poll).next().expect("a quote").trading_day, day);
        position = poll.position;
        // A new process continues in the same way.
        replay = open();
        assert_eq!(replay.resume(position.as_deref()), Ok(()));
        assert!(!replay.is_finished());
    }
    let once = open_file(path, None, false).expect("a file");
    once.poll(&aaa).await;
    assert!(once.is_finished() && once.restarts_at().is_none());
}

#[tokio::test]
async fn invalid_fields_are_null_and_logged_with_file_and_line() {
    let row = |day| format!("^GSPC,1963-03-{day:02},0.0,66,65,65.46,5797.53,65.46\n");
    let rows = (1..=14).map(row).collect::<Vec<_>>().concat();
    let path = file(
        "zero.csv",
        &format!("{rows}^GSPC,1963-03-15,null,,NaN,-,0,null\n"),
    );
    let journal = Journal::default();
    let replay = tracing::subscriber::with_default(journal.clone(), || {
        open_file(path.clone(), None, true).expect("a file")
    });
    let quote = next_day(&replay, &symbol("^GSPC")).await;
    assert_eq!((quote.open, quote.high), (None, Some(decimal("66"))));
    assert_eq!(quote.volume, Some(5798));
    assert_eq!(replay.days().1, date("1963-03-14"));
    let log = journal.text();
    let path = path.display();
    for line in 2..12 {
        let warning = format!(
            "{path}, line {line}: Open is \"0.0\", must be a price greater than 0; read as null\n"
        );
        assert!(log.contains(&warning), "{log}");
    }
    assert!(log.contains(&format!("{path}: 5 more warnings\n")), "{log}");
    assert_eq!(log.lines().count(), 11, "{log}");
}

#[tokio::test]
async fn the_later_of_two_rows_of_a_day_is_replayed() {
    let rows = "IXIC,2026-03-20,1,2,0.5,1.5,100,1.5\nIXIC,2026-03-20,1,2,0.5,1.75,90,1.75\n";
    let path = file("twice.csv", rows);
    let journal = Journal::default();
    let replay = tracing::subscriber::with_default(journal.clone(), || {
        open_file(path.clone(), None, false).expect("a file")
    });
    assert_eq!(
        next_day(&replay, &symbol("IXIC")).await.price,
        decimal("1.75")
    );
    assert!(replay.is_finished());
    let warning = "line 3: second row of IXIC on 2026-03-20; replaces the first";
    assert!(journal.text().contains(warning), "{}", journal.text());
}

#[tokio::test]
async fn a_split_is_found_in_prices_with_two_decimals() {
    let rows = "ORCL,1995-02-22,45.87,47.25,45.63,47.12,40435200,2.19\n\
        ORCL,1995-02-23,31.75,32.13,31.00,31.37,42390400,2.19\n";
    let replay = open_file(file("orcl.csv", rows), None, false).expect("a file");
    next_day(&replay, &symbol("ORCL")).await;
    let quote = next_day(&replay, &symbol("ORCL")).await;
    assert_eq!(
        quote.previous_close,
        PreviousClose::Sent(decimal("31.41333333"))
    );
}

#[test]
fn a_replay_is_self_paced() {
    let interval = Duration::from_millis(50);
    let replay = Replay::new(&ReplaySettings {
        file: None,
        from: None,
        speed: ReplaySpeed::DaysPerSecond(20.0),
        repeat: false,
    })
    .expect("the bundled prices");
    let every = Some(interval);
    assert_eq!(replay.pacing(), Pacing::SelfPaced { every, interval });
    let fastest = Pacing::SelfPaced {
        every: None,
        interval: Duration::ZERO,
    };
    assert_eq!(open(None, true).pacing(), fastest);
    assert_eq!(replay.pacing().symbols_per_request(), usize::MAX);
}
