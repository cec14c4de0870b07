//! The file of a replay: where it comes from, unpacked and read row by row.
//!
//! One invariant: every row is read and checked before the first is told, also those before the first day. The replay
//! calls it once, at the start.

use std::{
    collections::HashSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use flate2::{Crc, read::MultiGzDecoder};

use super::{
    ReplayError, RowError,
    row::{Row, is_header},
    tape::Tape,
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

    /// The file as a tape that begins at `from`, or at its first day.
    pub(super) fn tape(self, from: Option<NaiveDate>) -> Result<Tape, ReplayError> {
        let rows = match self.rows() {
            Ok(rows) => rows,
            Err((line, fault)) => {
                let file = self.path;
                return Err(ReplayError::Row { file, line, fault });
            }
        };
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

    /// All rows in the order of the file, which is any; the first bad line otherwise, from 1 on.
    fn rows(&self) -> Result<Vec<Row>, (usize, RowError)> {
        let text = std::str::from_utf8(&self.content).map_err(|error| {
            let good = self.content[..error.valid_up_to()].split(|byte| *byte == b'\n');
            (good.count(), RowError::Encoding)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        if !lines.next().is_some_and(|(_, header)| is_header(header)) {
            return Err((1, RowError::Header));
        }
        let (mut rows, mut seen) = (Vec::new(), HashSet::new());
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let row = Row::read(line).map_err(|fault| (number, fault))?;
            if !seen.insert((row.ticker.clone(), row.date)) {
                return Err((number, RowError::Duplicate(row.ticker, row.date)));
            }
            rows.push(row);
        }
        Ok(rows)
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
        let rows = bundled().expect("unpacked").rows().expect("good rows");
        assert_eq!(rows.len(), 12_154);
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
            ("0,1.25", "0,0", "4: Adj Close is not a price above 0"),
            (
                "03,1,2,0.5,",
                "03,x,2,0.5,",
                "4: Open is not a price above 0",
            ),
            (
                "03,1,2,0.5,",
                "03,1,0,0.5,",
                "4: High is not a price above 0",
            ),
            ("03,1,2,0.5,", "03,1,2,-5,", "4: Low is not a price above 0"),
            (
                ",0,1.25",
                ",-1,1.25",
                "4: Volume is not a whole number from 0 on",
            ),
            (
                ",0,1.25",
                ",1.5,1.25",
                "4: Volume is not a whole number from 0 on",
            ),
            ("BBB", "aaa", "3: a second row of AAA on 2020-01-02"),
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
