//! Pages of prices and alerts: from memory if the quote board has all of a page, else from the
//! database. While the database is away, memory is enough.

use std::collections::HashMap;

use entity::{Alert, Position, Price};
use store::{
    alert::{AlertFilter, AlertKey},
    page::{Page, Span},
    price::{PriceKey, Recorded},
};

use super::{Error, FirstPage, PageArgs, PageSize, Service, ordered};
use crate::quote_board::{QuoteBoard, Reading};

impl Service {
    /// Returns a page of a stock's prices, newest first.
    pub(crate) async fn history(
        &self,
        stock: i64,
        recorded: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Price>, Error> {
        ordered(recorded.from, recorded.to)?;
        let span: Span<Position> = args.feed_span(size, self.epoch())?;
        let keys: Span<PriceKey> = span.map(PriceKey::from);
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        self.page(
            Some(stock),
            &span,
            |reading| self.board.history(stock, recorded, &span, reading),
            self.read(|| store::price::page(connection, now, stock, recorded, &keys)),
        )
        .await
    }

    /// Returns a page of alerts, newest first.
    pub(crate) async fn alerts(
        &self,
        filter: AlertFilter,
        triggered: Recorded,
        args: &PageArgs,
        size: PageSize,
    ) -> Result<Page<Alert>, Error> {
        ordered(triggered.from, triggered.to)?;
        let span: Span<Position> = args.feed_span(size, self.epoch())?;
        let keys: Span<AlertKey> = span.map(AlertKey::from);
        let connection = self.store.database.read();
        let stock = match filter {
            AlertFilter::Stock(stock) => Some(stock),
            AlertFilter::All | AlertFilter::Rule(_) => None,
        };
        self.page(
            stock,
            &span,
            |reading| self.board.alerts(filter, triggered, &span, reading),
            self.read(|| store::alert::page(connection, filter, triggered, &keys)),
        )
        .await
    }

    /// Returns a page from memory, after its rows were loaded if it is of a `stock`, or else with
    /// `read` from the database, or else as memory has it in an outage.
    async fn page<T>(
        &self,
        stock: Option<i64>,
        span: &Span<Position>,
        in_memory: impl Fn(Reading) -> Option<Page<T>>,
        read: impl Future<Output = Result<Page<T>, Error>>,
    ) -> Result<Page<T>, Error> {
        let current = || {
            let is_current = self.is_current();
            is_current.then(|| in_memory(Reading::Current)).flatten()
        };
        if let Some(page) = current() {
            return Ok(page);
        }
        let reading = async {
            if let Some(stock) = stock
                && self.load_rows(&[stock], span).await?
                && let Some(page) = current()
            {
                return Ok(page);
            }
            read.await
        };
        match reading.await {
            Err(error) if error.is_outage() => in_memory(Reading::Outage).ok_or(error),
            read => read,
        }
    }

    /// Loads the rows of stocks into memory if the page may be there afterwards. Returns whether
    /// they were loaded.
    async fn load_rows(&self, stocks: &[i64], span: &Span<Position>) -> Result<bool, Error> {
        let is_newest = span.after.is_none() && !span.from_end;
        let loads = is_newest && self.current().is_some_and(|board| board.lacks_rows(stocks));
        if loads {
            self.read(|| self.board.load_rows(&self.store, stocks))
                .await?;
        }
        Ok(loads)
    }

    /// Returns the first page of the prices of each stock. Like [`history`](Self::history), for
    /// many stocks at once.
    pub(crate) async fn first_histories(
        &self,
        stocks: &[i64],
        recorded: Recorded,
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Price>>, Error> {
        ordered(recorded.from, recorded.to)?;
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        let FirstPage { limit, from_end } = first;
        self.first_pages(
            stocks,
            first,
            |board, stock, span, reading| board.history(stock, recorded, span, reading),
            |missing| async move {
                let read = || {
                    store::price::first_pages(connection, now, &missing, recorded, limit, from_end)
                };
                self.read(read).await
            },
        )
        .await
    }

    /// Returns the first page of the alerts of each stock.
    pub(crate) async fn first_alerts(
        &self,
        stocks: &[i64],
        first: FirstPage,
    ) -> Result<HashMap<i64, Page<Alert>>, Error> {
        let (connection, all) = (self.store.database.read(), Recorded::default());
        let FirstPage { limit, from_end } = first;
        let of_stock = AlertFilter::Stock;
        self.first_pages(
            stocks,
            first,
            |board, stock, span, reading| board.alerts(of_stock(stock), all, span, reading),
            |missing| async move {
                let read = || store::alert::first_pages(connection, &missing, limit, from_end);
                self.read(read).await
            },
        )
        .await
    }

    /// Returns the first page of a list of each stock: from memory, or else with `read` from the
    /// database, or else as memory has it in an outage.
    async fn first_pages<T, F>(
        &self,
        stocks: &[i64],
        first: FirstPage,
        in_memory: impl Fn(&QuoteBoard, i64, &Span<Position>, Reading) -> Option<Page<T>>,
        read: impl FnOnce(Vec<i64>) -> F,
    ) -> Result<HashMap<i64, Page<T>>, Error>
    where
        F: Future<Output = Result<HashMap<i64, Page<T>>, Error>>,
    {
        let span = Span {
            after: None,
            before: None,
            limit: first.limit,
            from_end: first.from_end,
        };
        let mut pages = HashMap::with_capacity(stocks.len());
        let find = |stocks: &[i64], pages: &mut HashMap<_, _>| {
            let mut missing = Vec::new();
            for stock in stocks {
                let current = self.current();
                match current.and_then(|board| in_memory(board, *stock, &span, Reading::Current)) {
                    Some(page) => {
                        pages.insert(*stock, page);
                    }
                    None => missing.push(*stock),
                }
            }
            missing
        };
        let mut missing = find(stocks, &mut pages);
        if missing.is_empty() {
            return Ok(pages);
        }
        let reading = async {
            if self.load_rows(&missing, &span).await? {
                missing = find(&missing, &mut pages);
            }
            if missing.is_empty() {
                return Ok(HashMap::new());
            }
            read(missing.clone()).await
        };
        match reading.await {
            Err(error) if error.is_outage() => {
                for stock in missing {
                    match in_memory(&self.board, stock, &span, Reading::Outage) {
                        Some(page) => pages.insert(stock, page),
                        None => return Err(error),
                    };
                }
            }
            read => pages.extend(read?),
        }
        Ok(pages)
    }
}
