//! Reads the CSV file of a replay, plain or gzip.
//!
//! All rows are parsed at the start, including those before the first replayed day.

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
    dataset::Dataset,
    row::{PriceRow, RowWarning, is_header},
    warning::Warnings,
};

const BUNDLED: &[u8] = include_bytes!("../../../data/real-stocks-2000-2013.csv.gz");
/// The first bytes of a gzip file (RFC 1952, 2.3.1).
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The decompressed content of a file.
#[derive(Debug)]
pub(super) struct ReplayFile {
    path: PathBuf,
    content: Vec<u8>,
}

/// Returns the bundled prices.
pub(super) fn bundled() -> Result<ReplayFile, ReplayError> {
    ReplayFile::decompress("the bundled prices".into(), BUNDLED.into())
}

/// Reads `REPLAY_FILE`.
pub(super) fn read(path: &Path) -> Result<ReplayFile, ReplayError> {
    match fs::read(path) {
        Ok(content) => ReplayFile::decompress(path.into(), content),
        Err(source) => Err(ReplayError::Read {
            file: path.into(),
            source,
        }),
    }
}

impl ReplayFile {
    fn decompress(path: PathBuf, content: Vec<u8>) -> Result<Self, ReplayError> {
        match decompressed(content) {
            Ok(content) => Ok(Self { path, content }),
            Err(source) => Err(ReplayError::Read { file: path, source }),
        }
    }

    /// Parses the file into a data set that begins at `from`, or at the first day of the file. Logs
    /// warnings about rows.
    pub(super) fn dataset(self, from: Option<NaiveDate>) -> Result<Dataset, ReplayError> {
        let (rows, warnings) = match self.rows() {
            Ok(parsed) => parsed,
            Err((line, reason)) => {
                let file = self.path;
                return Err(ReplayError::Row { file, line, reason });
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
        Ok(Dataset::new(
            rows,
            from.unwrap_or(NaiveDate::MIN),
            crc.sum(),
        ))
    }

    /// Parses all rows and returns them in any order. Of two rows of a ticker and day, the later
    /// one counts.
    ///
    /// # Errors
    /// The first invalid line, counted from 1.
    fn rows(&self) -> Result<(Vec<PriceRow>, Warnings), (usize, RowError)> {
        let text = std::str::from_utf8(&self.content).map_err(|error| {
            let valid = self.content[..error.valid_up_to()].split(|byte| *byte == b'\n');
            (valid.count(), RowError::Encoding)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        if !lines.next().is_some_and(|(_, header)| is_header(header)) {
            return Err((1, RowError::Header));
        }
        let (mut rows, mut warnings) = (HashMap::new(), Warnings::default());
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let row = PriceRow::parse(line, |warning| warnings.push(number, warning));
            let Some(row) = row.map_err(|reason| (number, reason))? else {
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

fn decompressed(content: Vec<u8>) -> io::Result<Vec<u8>> {
    if !content.starts_with(GZIP_MAGIC) {
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

    const VALID: &str = "\
Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAA,2020-01-02,1,2,0.5,1.5,100,1.5
BBB,2020-01-02,1,2,0.5,1.5,100,1.5
AAA,2020-01-03,1,2,0.5,1.25,0,1.25
";

    fn open(content: impl Into<Vec<u8>>) -> Result<Dataset, ReplayError> {
        ReplayFile::decompress("prices.csv".into(), content.into())?.dataset(None)
    }

    fn error(content: impl Into<Vec<u8>>) -> String {
        open(content).expect_err("an error").to_string()
    }

    fn gzip(content: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content.as_bytes()).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn the_bundled_prices_have_no_errors_or_warnings() {
        let (rows, warnings) = bundled().expect("a file").rows().expect("rows");
        assert_eq!(rows.len(), 12_154);
        assert_eq!(
            format!("{warnings:?}"),
            format!("{:?}", Warnings::default())
        );
    }

    #[test]
    fn a_file_may_be_compressed_quoted_unordered_and_have_any_line_ends() {
        let quoted = VALID.replace("AAA", "\"AAA\"").replace("1.25", " 1.25 ");
        let reversed: Vec<&str> = VALID.lines().skip(1).collect();
        let reversed = reversed.into_iter().rev().fold(
            VALID.lines().next().unwrap_or_default().to_owned(),
            |text, line| text + "\n" + line,
        );
        for content in [
            VALID.as_bytes().to_vec(),
            gzip(VALID),
            [gzip(&VALID[..60]), gzip(&VALID[60..])].concat(),
            VALID.replace('\n', "\r\n").into_bytes(),
            format!("\u{feff}{VALID}\n\n").into_bytes(),
            quoted.into_bytes(),
            reversed.into_bytes(),
        ] {
            let dataset = open(content).expect("a data set");
            assert_eq!(dataset.len(), 2);
            assert_eq!(dataset.first().to_string(), "2020-01-02");
            assert_eq!(dataset.last().to_string(), "2020-01-03");
        }
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_value() {
        for (valid, invalid, text) in [
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
            ("BBB,", "", "3: has 7 fields, must have 8"),
            ("BBB,", "BBB,,", "3: has 9 fields, must have 8"),
            (
                "BBB,2020-01-02,1,2,0.5,1.5,100,1.5",
                "BBB",
                "3: has 1 fields, must have 8",
            ),
            ("BBB", "B B", r#"3: Ticker is "B B", must be a symbol"#),
            ("BBB", "", r#"3: Ticker is "", must be a symbol"#),
            (
                "2020-01-03",
                "2020-02-30",
                r#"4: Date is "2020-02-30", must be a date such as 2008-01-02"#,
            ),
            (
                "2020-01-03",
                "03/01/2020",
                r#"4: Date is "03/01/2020", must be a date such as 2008-01-02"#,
            ),
            (
                "2020-01-03",
                "",
                r#"4: Date is "", must be a date such as 2008-01-02"#,
            ),
            (
                "1.25,0,",
                "0,0,",
                r#"4: Close is "0", must be a price greater than 0"#,
            ),
            (
                "1.25,0,",
                "-1.25,0,",
                r#"4: Close is "-1.25", must be a price greater than 0"#,
            ),
            (
                "1.25,0,",
                ",0,",
                r#"4: Close is "", must be a price greater than 0"#,
            ),
            (
                "1.25,0,",
                "NaN,0,",
                r#"4: Close is "NaN", must be a price greater than 0"#,
            ),
            (
                "1.25,0,",
                "1e11,0,",
                r#"4: Close is "1e11", must be a price greater than 0"#,
            ),
            (
                "1.25,0,",
                "0.000000001,0,",
                r#"4: Close is "0.000000001", must be a price greater than 0"#,
            ),
        ] {
            assert!(VALID.contains(valid), "{valid}");
            let content = VALID.replacen(valid, invalid, 1);
            let text = format!("prices.csv, line {text}");
            assert_eq!(error(content.clone()), text, "{content}");
            assert_eq!(error(gzip(&content)), text, "compressed: {content}");
            assert_eq!(
                error(content.replace('\n', "\r\n")),
                text,
                "CRLF: {content}"
            );
        }
    }

    #[test]
    fn an_invalid_field_other_than_the_close_is_null_with_a_warning() {
        let invalid = ["0", "0.0", "-5", "x", "", "-", "null", "NaN", "inf", "1e11"];
        for text in invalid {
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
                let row = PriceRow::parse(&line, |warning| warnings.push(warning.to_string()));
                let row = row.expect("a row").expect("numbers");
                let expected =
                    format!("{column} is {text:?}, must be a price greater than 0; read as null");
                assert_eq!(warnings, [expected], "{line}");
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
            let row = PriceRow::parse(&line, |warning| warnings.push(warning.to_string()));
            assert_eq!(row.expect("a row").expect("numbers").volume, volume);
            let expected = [format!(
                "Volume is {text:?}, must be a number of at least 0; read as null"
            )];
            assert_eq!(
                warnings,
                expected[..usize::from(volume.is_none())],
                "{text}"
            );
        }
    }

    #[test]
    fn a_volume_with_a_fraction_of_a_currency_is_missing() {
        for (text, volume) in [
            ("1.5", None),
            ("2.0", Some(2)),
            ("184467440737", Some(184_467_440_737)),
        ] {
            let line = format!("BTC-USD,2020-01-02,1,2,0.5,1.5,{text},1.5");
            let row = PriceRow::parse(&line, |warning| panic!("{warning}"));
            assert_eq!(
                row.expect("a row").expect("numbers").volume,
                volume,
                "{text}"
            );
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
            let row = PriceRow::parse(&line, |warning| warnings.push(warning));
            assert_eq!(row, Ok(None), "{line}");
            assert_eq!(warnings, [RowWarning::NoNumbers]);
        }
        // Only the close is missing: the row is invalid.
        let line = "AAA,2020-01-02,1,2,0.5,null,100,1.5";
        let error = PriceRow::parse(line, |_| {}).expect_err("an error");
        assert_eq!(
            error.to_string(),
            r#"Close is "null", must be a price greater than 0"#
        );
    }

    #[test]
    fn the_later_of_two_rows_of_a_day_counts() {
        let content = VALID
            .replace("BBB", "aaa")
            .replace("1.5,100,1.5\nAAA", "1.75,7,1.75\nAAA");
        let file =
            ReplayFile::decompress("prices.csv".into(), content.into_bytes()).expect("a file");
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
    fn rows_without_numbers_do_not_count_as_rows() {
        let header = VALID.lines().next().unwrap_or_default();
        let content = format!("{header}\nAAA,2020-01-02,null,null,null,null,null,null\n");
        assert_eq!(error(content), "prices.csv has no rows");
    }

    #[test]
    fn empty_lines_count_for_line_numbers() {
        let content = VALID.replace("BBB,", "\n\nBBB,,");
        assert_eq!(
            error(content),
            "prices.csv, line 5: has 9 fields, must have 8"
        );
    }

    #[test]
    fn an_error_names_the_line_that_is_not_utf_8() {
        let mut content = VALID.as_bytes().to_vec();
        content.extend(b"CC\xff,");
        assert_eq!(error(content), "prices.csv, line 5: is not UTF-8");
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        let header = VALID.lines().next().unwrap_or_default();
        assert_eq!(error(header), "prices.csv has no rows");
        assert!(error("").contains("line 1: the header must be"));
    }

    #[test]
    fn a_truncated_gzip_file_is_an_error() {
        let compressed = gzip(VALID);
        assert_eq!(
            error(&compressed[..compressed.len() - 9]),
            "cannot read prices.csv"
        );
    }

    proptest! {
        #[test]
        fn reading_a_file_never_panics(rows in "([-A-Z0-9.,\"\r\n]{0,40}\n){0,5}", bytes: Vec<u8>) {
            let header = VALID.lines().next().unwrap_or_default();
            let _ = open(format!("{header}\n{rows}"));
            let _ = open(bytes);
        }
    }
}
