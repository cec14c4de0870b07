//! The stocks on the quote board, by id and by symbol.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use entity::{Price, Stock, Symbol};
use store::{
    page::{Page, Span},
    stock::StockKey,
};
use unicode_normalization::UnicodeNormalization;

use super::{page::page, recent::RecentRows};

/// A stock on the board.
#[derive(Debug)]
pub(super) struct BoardStock {
    pub(super) stock: Stock,
    pub(super) latest: Option<Price>,
    pub(super) recent: RecentRows,
    /// When its rows were last read, by the clock of the board.
    pub(super) read_at: AtomicU64,
    /// The symbol and the name, folded for searches.
    folded_symbol: String,
    folded_name: Option<String>,
}

impl BoardStock {
    /// Whether the symbol or the name contains this folded text.
    fn contains(&self, folded: &str) -> bool {
        let name = self.folded_name.as_ref();
        self.folded_symbol.contains(folded) || name.is_some_and(|name| name.contains(folded))
    }
}

/// All stocks that are or were tracked.
#[derive(Debug, Default)]
pub(super) struct Stocks {
    /// In the order in which they were added.
    entries: Vec<BoardStock>,
    by_id: HashMap<i64, usize>,
    by_symbol: HashMap<Symbol, usize>,
    /// The tracked stocks, by symbol.
    tracked: Vec<usize>,
    alert_count: i64,
}

impl Stocks {
    /// Creates the list without prices and alerts.
    pub(super) fn new(mut stocks: Vec<Stock>) -> Self {
        // Each is appended to the tracked stocks.
        stocks.sort_unstable_by(|one, other| one.symbol.cmp(&other.symbol));
        let mut all = Self::default();
        for stock in &stocks {
            all.update(stock).recent = RecentRows::Unloaded;
        }
        all
    }

    /// Updates or adds a stock, and returns its entry. A new stock has no prices and alerts.
    pub(super) fn update(&mut self, stock: &Stock) -> &mut BoardStock {
        let at = match self.by_id.get(&stock.id) {
            Some(at) => *at,
            None => self.add(stock),
        };
        let entry = &self.entries[at];
        self.alert_count += stock.alert_count - entry.stock.alert_count;
        if entry.stock.tracked != stock.tracked {
            let symbol = |at: &usize| &self.entries[*at].stock.symbol;
            let found = self
                .tracked
                .binary_search_by(|at| symbol(at).cmp(&stock.symbol));
            match found {
                Ok(position) => {
                    self.tracked.remove(position);
                }
                Err(position) => self.tracked.insert(position, at),
            }
        }
        let entry = &mut self.entries[at];
        if entry.stock.name != stock.name {
            entry.folded_name = stock.name.as_deref().map(fold);
        }
        entry.stock.clone_from(stock);
        entry
    }

    /// Adds a stock that is not tracked yet, and returns its index.
    fn add(&mut self, stock: &Stock) -> usize {
        let at = self.entries.len();
        self.by_id.insert(stock.id, at);
        self.by_symbol.insert(stock.symbol.clone(), at);
        self.entries.push(BoardStock {
            folded_symbol: fold(stock.symbol.as_str()),
            folded_name: None,
            stock: Stock {
                name: None,
                tracked: false,
                alert_count: 0,
                ..stock.clone()
            },
            latest: None,
            recent: RecentRows::default(),
            read_at: AtomicU64::new(0),
        });
        at
    }

    pub(super) fn get(&self, id: i64) -> Option<&BoardStock> {
        self.by_id.get(&id).map(|at| &self.entries[*at])
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut BoardStock> {
        self.by_id.get(&id).map(|at| &mut self.entries[*at])
    }

    pub(super) fn by_symbol(&self, symbol: &Symbol) -> Option<&BoardStock> {
        self.by_symbol.get(symbol).map(|at| &self.entries[*at])
    }

    /// All stocks, in unspecified order.
    pub(super) fn all(&self) -> impl Iterator<Item = &BoardStock> {
        self.entries.iter()
    }

    /// All stocks, in unspecified order.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut BoardStock> {
        self.entries.iter_mut()
    }

    /// The tracked stocks, by symbol.
    pub(super) fn tracked(&self) -> impl Iterator<Item = &BoardStock> {
        self.tracked.iter().map(|at| &self.entries[*at])
    }

    /// The number of alerts of all stocks.
    pub(super) fn alert_count(&self) -> i64 {
        self.alert_count
    }

    /// Returns a page of the tracked stocks by symbol: all, or those whose symbol or name contains
    /// `search`.
    pub(super) fn page(&self, search: Option<&str>, span: &Span<StockKey>) -> Page<&Stock> {
        let found: Vec<usize>;
        let listed = match search {
            None => &self.tracked,
            Some(search) => {
                found = self.search(search).collect();
                &found
            }
        };
        let row = |at: usize| &self.entries[listed[at]].stock;
        let order = |stock: &Stock, key: &StockKey| stock.symbol.cmp(&key.0);
        page(0..listed.len(), row, order, span)
    }

    /// The number of stocks in [`page`](Self::page).
    pub(super) fn count(&self, search: Option<&str>) -> usize {
        search.map_or(self.tracked.len(), |search| self.search(search).count())
    }

    fn search(&self, search: &str) -> impl Iterator<Item = usize> {
        let search = fold(search);
        let tracked = self.tracked.iter().copied();
        tracked.filter(move |at| self.entries[*at].contains(&search))
    }
}

/// Folds the case of a text and normalizes it (NFC), for searches: "é" is found in either form.
/// Upper case is an intermediate step, so that "ß" and "SS" are equal.
fn fold(text: &str) -> String {
    let upper = text.nfd().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).nfc().collect()
}
