//! Tables of figures: printed, written to files, and put into a document.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{queries, rest, ticks};

/// The table that follows from all others.
const SUMMARY: &str = "summary";
const START: &str = "<!-- figures: ";
const END: &str = "<!-- end of figures -->";

/// The rows of a table.
pub(crate) type Rows = Vec<Vec<String>>;

/// Tables with rows of several databases.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) queries: Rows,
    pub(crate) rest: Rows,
    pub(crate) ticks: Rows,
}

/// The results so far.
pub(crate) struct Report {
    folder: Option<PathBuf>,
    summary: Rows,
}

impl Report {
    /// Prints tables, and writes them to `folder`.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).expect("create the directory");
        }
        Self {
            folder,
            summary: Vec::new(),
        }
    }

    /// Prints and writes a section.
    #[expect(clippy::print_stdout, reason = "the program prints its results")]
    pub(crate) fn section(&self, name: &str, text: &str) {
        println!("## {name}\n\n{text}");
        if let Some(folder) = &self.folder {
            let written = fs::write(folder.join(name).with_extension("md"), text);
            written.expect("write the figures");
        }
    }

    /// Prints and writes the tables that have rows.
    pub(crate) fn tables(&self, tables: Tables) {
        for (name, header, rows) in [
            ("queries", &queries::HEADER[..], tables.queries),
            ("rest", &rest::HEADER, tables.rest),
            ("ticks", &ticks::HEADER, tables.ticks),
        ] {
            if !rows.is_empty() {
                self.section(name, &table(header, &rows));
            }
        }
    }

    /// Adds a line to the summary, of a product and its bare server.
    pub(crate) fn compare(&mut self, operation: String, unit: &str, ours: f64, bare: f64) {
        let [figure, bare_figure] = [ours, bare].map(|it| format!("{} {unit}", number(it)));
        self.summary
            .push(vec![operation, figure, bare_figure, number(ours / bare)]);
    }

    /// Adds a line to the summary, of a figure that has no bare server.
    pub(crate) fn figure(&mut self, operation: String, figure: String) {
        let none = "–".to_owned();
        self.summary
            .push(vec![operation, figure, none.clone(), none]);
    }

    /// Prints the summary, and replaces the figures of `document`.
    pub(crate) fn finish(mut self, document: Option<&Path>) {
        if let Some(folder) = &self.folder {
            let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
            self.summary.extend(ingest_lines(&read("ingest.md")));
            self.summary.extend(rule_lines(&read("rules.md")));
        }
        let header = ["operation", "figure", "bare", "ratio"];
        self.section(SUMMARY, &table(&header, &self.summary));
        if let (Some(document), Some(folder)) = (document, &self.folder) {
            let text = fs::read_to_string(document).expect("read the document");
            let figures = |name: &str| fs::read_to_string(folder.join(name).with_extension("md"));
            let text = fill(&text, |name| figures(name).ok());
            fs::write(document, text).expect("write the document");
        }
    }
}

/// Lines of the summary from the table of `tracker/benches/ingest`.
fn ingest_lines(table: &str) -> Rows {
    let line = |cells: Vec<&str>| match cells[..] {
        [database, batch, rate, _, bare, _, ratio, _] => Some(vec![
            format!("store prices, {batch} a batch, {database}"),
            format!("{rate} prices/s"),
            format!("{bare} prices/s"),
            ratio.to_owned(),
        ]),
        _ => None,
    };
    cells(table).filter_map(line).collect()
}

/// Lines of the summary from the table of `tracker/benches/rules` that compares the index of rules
/// with a loop over all rules.
fn rule_lines(table: &str) -> Rows {
    let line = |cells: Vec<&str>| match cells[..] {
        [rules, stocks, index, naive, _, _] => {
            let ratio = index.parse::<f64>().ok()? / naive.parse::<f64>().ok()?;
            Some(vec![
                format!("evaluate {rules} rules of {stocks} stocks (bare: a loop over all rules)"),
                format!("{index} µs"),
                format!("{naive} µs"),
                format!("{ratio:.5}"),
            ])
        }
        _ => None,
    };
    cells(table).filter_map(line).collect()
}

/// The cells of each row of figures of all tables, without headers.
fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| {
        let line = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(line.split('|').map(str::trim).collect::<Vec<_>>())
    });
    rows.filter(|cells| cells.get(2).is_some_and(|it| it.parse::<f64>().is_ok()))
}

/// Formats a table in Markdown. The first column is text.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|", header.join(" | "));
    for at in 0..header.len() {
        text += if at == 0 { " --- |" } else { " ---: |" };
    }
    text.push('\n');
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("write to a string");
    }
    text
}

/// Formats a figure with about three significant digits.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, _) = text.split_once('.').unwrap_or((&text, ""));
    if whole.len() < 5 {
        return text;
    }
    // Thousands are separated, as in `120,200`.
    let digits: Vec<char> = text.chars().collect();
    let groups = digits.rchunks(3).rev().map(|it| it.iter().collect());
    groups.collect::<Vec<String>>().join(",")
}

/// Replaces the text between each `<!-- figures: NAME -->` and `<!-- end of figures -->`, if there
/// are figures of that name.
fn fill(document: &str, figures: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = document.split(START);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").expect("a name ends with -->");
        let (old, rest) = rest.split_once(END).expect("figures end");
        let new = figures(name).map(|it| format!("\n\n{}\n\n", it.trim()));
        let new = new.as_deref().unwrap_or(old);
        write!(text, "{START}{name} -->{new}{END}{rest}").expect("write to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let texts = [0.5, 9.994, 31.26, 279.4, 3_350.0, 28_305.2, 1_028_305.0].map(number);
        let expected = ["0.50", "9.99", "31.3", "279", "3350", "28,305", "1,028,305"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn only_known_figures_are_replaced() {
        let document = "a\n<!-- figures: one -->\nold\n<!-- end of figures -->\nb\n\
                        <!-- figures: two -->\nkept\n<!-- end of figures -->\nc\n";
        let filled = fill(document, |name| (name == "one").then(|| "new\n".to_owned()));
        let expected = document.replace("\nold\n", "\n\nnew\n\n");
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, |_| None), filled);
    }

    #[test]
    fn lines_are_made_of_the_tables_of_other_benchmarks() {
        let ingest = "| database | prices a batch | prices/s | CPU | bare | CPU | ratio | of CPU |\n\
                      |---|---:|---:|---:|---:|---:|---:|---:|\n\
                      | SQLite | 100 | 20000 | 40.0 | 30000 | 20.0 | 0.67 | 2.00 |\n";
        let expected = [
            "store prices, 100 a batch, SQLite",
            "20000 prices/s",
            "30000 prices/s",
            "0.67",
        ];
        assert_eq!(ingest_lines(ingest), [expected]);
        let rules = "| rules | stocks | index | naive | ratio | firings |\n|--|--|--|--|--|--|\n\
                     | 10 | 1 | 2.0 | 4.0 | 2.0 | 17 |\n";
        assert_eq!(rule_lines(rules).len(), 1);
        assert_eq!(rule_lines(rules)[0][3], "0.50000");
    }
}
