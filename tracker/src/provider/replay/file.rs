//! The file of a replay: unpacked and read row by row.
//!
//! Every row is read and checked at the start, also those before the first day that is replayed.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use flate2::{Crc, read::MultiGzDecoder};

use super::{
    ReplayError, RowError,
    row::{Row, RowWarning, is_header},
    tape::Tape,
    warning::Warnings,
};

const BUNDLED: &[u8] = include_bytes!("../../../data/real-stocks-2000-2013.csv.gz");
/// What a gzip file begins with (RFC 1952, 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The content of a file, unpacked.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    content: Vec<u8>,
}

/// The prices that come with the program.
pub(super) fn bundled() -> Result<File, ReplayError> {
    File::unpack("the bundled prices".into(), BUNDLED.into())
}

/// A file of somebody's own.
pub(super) fn read(path: &Path) -> Result<File, ReplayError> {
    match fs::read(path) {
        Ok(content) => File::unpack(path.into(), content),
        Err(source) => Err(ReplayError::Read {
            file: path.into(),
            source,
        }),
    }
}

impl File {
    fn unpack(path: PathBuf, content: Vec<u8>) -> Result<Self, ReplayError> {
        match unpacked(content) {
            Ok(content) => Ok(Self { path, content }),
            Err(source) => Err(ReplayError::Read { file: path, source }),
        }
    }

    /// The file as a tape that begins at `from`, or at its first day. Logs what is odd about the file.
    pub(super) fn tape(self, from: Option<NaiveDate>) -> Result<Tape, ReplayError> {
        let (rows, warnings) = match self.rows() {
            Ok(read) => read,
            Err((line, fault)) => {
                let file = self.path;
                return Err(ReplayError::Row { file, line, fault });
            }
        };
        warnings.log(&self.path);
        let Some(last) = rows.iter().map(|row| row.date).max() else {
            return Err(ReplayError::Empty { file: self.path });
        };
        if let Some(from) = from.filter(|from| *from > last) {
            let file = self.path;
            return Err(ReplayError::FromTooLate { file, from, last });
        }
        let mut crc = Crc::new();
        crc.update(&self.content);
        Ok(Tape::new(rows, from.unwrap_or(NaiveDate::MIN), crc.sum()))
    }

    /// All rows, in any order, of two rows of a ticker and day the later one; the first bad line otherwise, from 1 on.
    fn rows(&self) -> Result<(Vec<Row>, Warnings), (usize, RowError)> {
        let text = std::str::from_utf8(&self.content).map_err(|error| {
            let good = self.content[..error.valid_up_to()].split(|byte| *byte == b'\n');
            (good.count(), RowError::Encoding)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        if !lines.next().is_some_and(|(_, header)| is_header(header)) {
            return Err((1, RowError::Header));
        }
        let (mut rows, mut warnings) = (HashMap::new(), Warnings::default());
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let row = Row::read(line, |warning| warnings.push(number, warning));
            let Some(row) = row.map_err(|fault| (number, fault))? else {
                continue;
            };
            match rows.entry((row.ticker.clone(), row.date)) {
                Entry::Vacant(entry) => {
                    entry.insert(row);
                }
                Entry::Occupied(mut entry) => {
                    let (ticker, date) = entry.key().clone();
                    warnings.push(number, RowWarning::Replaced(ticker, date));
                    entry.insert(row);
                }
            }
        }
        Ok((rows.into_values().collect(), warnings))
    }
}

fn unpacked(content: Vec<u8>) -> io::Result<Vec<u8>> {
    if !content.starts_with(GZIP) {
        return Ok(content);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(content.as_slice()).read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "\
Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAA,2020-01-02,1,2,0.5,1.5,100,1.5
BBB,2020-01-02,1,2,0.5,1.5,100,1.5
AAA,2020-01-03,1,2,0.5,1.25,0,1.25
";

    fn open(content: impl Into<Vec<u8>>) -> Result<Tape, ReplayError> {
        File::unpack("prices.csv".into(), content.into())?.tape(None)
    }

    fn refusal(content: impl Into<Vec<u8>>) -> String {
        open(content).expect_err("a refusal").to_string()
    }

    fn gzip(content: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(content.as_bytes()).expect("in memory");
        packed.finish().expect("in memory")
    }

    #[test]
    fn the_bundled_prices_are_good() {
        let (rows, warnings) = bundled().expect("unpacked").rows().expect("good rows");
        assert_eq!(rows.len(), 12_154);
        assert_eq!(
            format!("{warnings:?}"),
            format!("{:?}", Warnings::default())
        );
    }

    #[test]
    fn a_file_may_be_packed_quoted_unordered_and_from_any_system() {
        let quoted = GOOD.replace("AAA", "\"AAA\"").replace("1.25", " 1.25 ");
        let reversed: Vec<&str> = GOOD.lines().skip(1).collect();
        let reversed = reversed.into_iter().rev().fold(
            GOOD.lines().next().unwrap_or_default().to_owned(),
            |text, line| text + "\n" + line,
        );
        for content in [
            GOOD.as_bytes().to_vec(),
            gzip(GOOD),
            [gzip(&GOOD[..60]), gzip(&GOOD[60..])].concat(),
            GOOD.replace('\n', "\r\n").into_bytes(),
            format!("\u{feff}{GOOD}\n\n").into_bytes(),
            quoted.into_bytes(),
            reversed.into_bytes(),
        ] {
            let tape = open(content).expect("a tape");
            assert_eq!(tape.days(), 2);
            assert_eq!(tape.first().to_string(), "2020-01-02");
            assert_eq!(tape.last().to_string(), "2020-01-03");
        }
    }

    #[test]
    fn a_bad_row_is_named_by_file_and_line() {
        for (good, bad, said) in [
            (
                "Ticker,",
                "Symbol,",
                "1: the header must be Ticker,Date,Open,High,Low,Close,Volume,Adj Close",
            ),
            (
                ",Adj Close",
                "",
                "1: the header must be Ticker,Date,Open,High,Low,Close,Volume,Adj Close",
            ),
            ("BBB,", "", "3: 7 fields instead of 8"),
            ("BBB,", "BBB,,", "3: 9 fields instead of 8"),
            (
                "BBB,2020-01-02,1,2,0.5,1.5,100,1.5",
                "BBB",
                "3: 1 fields instead of 8",
            ),
            ("BBB", "B B", "3: Ticker is not a symbol"),
            ("BBB", "", "3: Ticker is not a symbol"),
            (
                "2020-01-03",
                "2020-02-30",
                "4: Date is not a date such as 2008-01-02",
            ),
            (
                "2020-01-03",
                "03/01/2020",
                "4: Date is not a date such as 2008-01-02",
            ),
            ("2020-01-03", "", "4: Date is not a date such as 2008-01-02"),
            ("1.25,0,", "0,0,", "4: Close is not a price above 0"),
            ("1.25,0,", "-1.25,0,", "4: Close is not a price above 0"),
            ("1.25,0,", ",0,", "4: Close is not a price above 0"),
            ("1.25,0,", "NaN,0,", "4: Close is not a price above 0"),
            ("1.25,0,", "1e11,0,", "4: Close is not a price above 0"),
            (
                "1.25,0,",
                "0.000000001,0,",
                "4: Close is not a price above 0",
            ),
        ] {
            assert!(GOOD.contains(good), "{good}");
            let content = GOOD.replacen(good, bad, 1);
            let said = format!("prices.csv, line {said}");
            assert_eq!(refusal(content.clone()), said, "{content}");
            assert_eq!(refusal(gzip(&content)), said, "packed: {content}");
            assert_eq!(
                refusal(content.replace('\n', "\r\n")),
                said,
                "CRLF: {content}"
            );
        }
    }

    #[test]
    fn a_bad_field_beside_the_close_is_null_with_a_warning() {
        let bad = ["0", "0.0", "-5", "x", "", "-", "null", "NaN", "inf", "1e11"];
        for text in bad {
            for (column, line) in [
                ("Open", format!("AAA,2020-01-02,{text},2,0.5,1.5,100,1.5")),
                ("High", format!("AAA,2020-01-02,1,{text},0.5,1.5,100,1.5")),
                ("Low", format!("AAA,2020-01-02,1,2,{text},1.5,100,1.5")),
                (
                    "Adj Close",
                    format!("AAA,2020-01-02,1,2,0.5,1.5,100,{text}"),
                ),
            ] {
                let mut warnings = Vec::new();
                let row = Row::read(&line, |warning| warnings.push(warning.to_string()));
                let row = row.expect("a good row").expect("numbers");
                let said = format!("{column} is not a price above 0: read as null");
                assert_eq!(warnings, [said], "{line}");
                let present = [
                    row.open.is_some(),
                    row.high.is_some(),
                    row.low.is_some(),
                    row.closes.is_some(),
                ];
                assert_eq!(present.iter().filter(|it| **it).count(), 3, "{line}");
            }
        }
        for (text, volume) in [
            ("5797.530864197531", Some(5798)),
            ("1.5e3", Some(1500)),
            ("-1", None),
            ("null", None),
            ("9223372036854775808", None),
        ] {
            let line = format!("AAA,2020-01-02,1,2,0.5,1.5,{text},1.5");
            let mut warnings = Vec::new();
            let row = Row::read(&line, |warning| warnings.push(warning.to_string()));
            assert_eq!(row.expect("a good row").expect("numbers").volume, volume);
            let said = ["Volume is not a number of shares from 0 on: read as null"];
            assert_eq!(warnings, said[..usize::from(volume.is_none())], "{text}");
        }
    }

    #[test]
    fn a_row_without_numbers_is_skipped() {
        for numbers in [
            "null,null,null,null,null,null",
            ",,,,,",
            "NaN,nan,-,n/a,None,NULL",
            "null,null,null,null,0,null",
        ] {
            let mut warnings = Vec::new();
            let line = format!("AAA,2020-01-02,{numbers}");
            let row = Row::read(&line, |warning| warnings.push(warning));
            assert_eq!(row, Ok(None), "{line}");
            assert_eq!(warnings, [RowWarning::NoNumbers]);
        }
        // A close alone is missing: that is a broken row.
        let line = "AAA,2020-01-02,1,2,0.5,null,100,1.5";
        let error = Row::read(line, |_| {}).expect_err("an error");
        assert_eq!(error.to_string(), "Close is not a price above 0");
    }

    #[test]
    fn of_two_rows_of_one_day_the_later_counts() {
        let content = GOOD
            .replace("BBB", "aaa")
            .replace("1.5,100,1.5\nAAA", "1.75,7,1.75\nAAA");
        let file = File::unpack("prices.csv".into(), content.into_bytes()).expect("a file");
        let (rows, warnings) = file.rows().expect("rows");
        assert_eq!(rows.len(), 2);
        let first = rows.iter().find(|row| row.date.to_string() == "2020-01-02");
        assert_eq!(first.and_then(|row| row.volume), Some(7));
        let mut expected = Warnings::default();
        let (ticker, date) = ("AAA".parse(), "2020-01-02".parse());
        let replaced = RowWarning::Replaced(ticker.expect("a symbol"), date.expect("a date"));
        expected.push(3, replaced);
        assert_eq!(format!("{warnings:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_file_of_rows_without_numbers_has_no_rows() {
        let header = GOOD.lines().next().unwrap_or_default();
        let content = format!("{header}\nAAA,2020-01-02,null,null,null,null,null,null\n");
        assert_eq!(refusal(content), "prices.csv has no rows");
    }

    #[test]
    fn a_line_is_counted_over_empty_ones() {
        let content = GOOD.replace("BBB,", "\n\nBBB,,");
        assert_eq!(
            refusal(content),
            "prices.csv, line 5: 9 fields instead of 8"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_line() {
        let mut content = GOOD.as_bytes().to_vec();
        content.extend(b"CC\xff,");
        assert_eq!(refusal(content), "prices.csv, line 5: not UTF-8 text");
    }

    #[test]
    fn a_file_without_rows_is_refused() {
        let header = GOOD.lines().next().unwrap_or_default();
        assert_eq!(refusal(header), "prices.csv has no rows");
        assert!(refusal("").contains("line 1: the header must be"));
    }

    #[test]
    fn a_packed_file_that_breaks_off_is_refused() {
        let packed = gzip(GOOD);
        assert_eq!(
            refusal(&packed[..packed.len() - 9]),
            "cannot read prices.csv"
        );
    }

    proptest! {
        #[test]
        fn no_file_panics(rows in "([-A-Z0-9.,\"\r\n]{0,40}\n){0,5}", bytes: Vec<u8>) {
            let header = GOOD.lines().next().unwrap_or_default();
            let _ = open(format!("{header}\n{rows}"));
            let _ = open(bytes);
        }
    }
}
