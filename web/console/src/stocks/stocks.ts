// The tracked stocks and their latest prices, which the board, the page of a stock, forms and *Go to* share.
import { batch, signal } from '@preact/signals';
import { connection, query } from '../api/index.ts';
import { ClosesDocument, QuotesDocument, StocksDocument, type QuoteFragment, type StocksQuery } from '../generated/graphql.ts';
import { StockRow } from './stock-row.ts';

type StockNode = StocksQuery['stocks']['nodes'][number];

/** By symbol, in the order of symbols. Null until they are loaded. */
export const stocks = signal<ReadonlyMap<string, StockRow> | null>(null);
/** Why they could not be loaded. */
export const stocksError = signal<unknown>(null);

/** The API has no event for a stock that is tracked, untracked, renamed or stale, only for its prices. */
const RELOAD_INTERVAL = 15_000;
const FLASH_TIME = 600;
/** The ages of all prices change every second: a part of them at a time, so that no frame has to draw them all. */
const AGE_INTERVAL = 1000;
const AGE_PARTS = 10;

let loading: Promise<void> | null = null;

/** Loads the list, or loads it again. */
export function loadStocks(): Promise<void> {
  loading ??= load().finally(() => (loading = null));
  return loading;
}

async function load(): Promise<void> {
  try {
    const nodes: StockNode[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { stocks: page }: StocksQuery = await query(StocksDocument, { after });
      nodes.push(...page.nodes);
      ({ endCursor: after, hasNextPage: more } = page.pageInfo);
    }
    batch(() => {
      stocksError.value = null;
      replace(nodes);
    });
  } catch (error) {
    stocksError.value = error;
  }
}

function replace(nodes: readonly StockNode[]): void {
  const before = stocks.peek();
  const after = new Map<string, StockRow>();
  for (const { id, symbol, name, stale, note, latestPrice } of nodes) {
    const row = before?.get(symbol) ?? new StockRow(id, symbol);
    row.name.value = name;
    row.stale.value = stale;
    row.note.value = note;
    // A price that the subscription sent is not older than this one, except after an interruption.
    if (latestPrice && !row.quote.peek()) row.show(latestPrice, { flash: false });
    after.set(symbol, row);
  }
  const unchanged = before?.size === after.size && [...after.keys()].every((symbol) => before.has(symbol));
  if (!unchanged) stocks.value = after;
}

/** Follows the prices of all stocks with one subscription. Returns how to stop. */
export function followQuotes(): () => void {
  const pending = new Map<string, QuoteFragment & { snapshot: boolean }>();
  let frame = 0;

  /** Once a frame, and not at all in a hidden tab: then only the last price of each symbol is kept. */
  function flush(): void {
    frame = 0;
    const flashed: StockRow[] = [];
    let unknown = false;
    batch(() => {
      for (const quote of pending.values()) {
        const row = stocks.peek()?.get(quote.symbol);
        unknown ||= !row;
        if (row?.show(quote, { flash: !quote.snapshot })) flashed.push(row);
      }
    });
    pending.clear();
    if (flashed.length > 0) setTimeout(() => endFlashes(flashed.map((row) => [row, row.flash.peek()])), FLASH_TIME);
    // A stock that was tracked since.
    if (unknown && stocks.peek()) void loadStocks();
  }

  const following = connection.follow<QuoteFragment>({
    query: QuotesDocument.toString(),
    next(quote, { snapshot }) {
      pending.set(quote.symbol, { ...quote, snapshot });
      if (frame === 0) frame = requestAnimationFrame(flush);
    },
  });
  void loadStocks();
  const timer = setInterval(() => document.hidden || void loadStocks(), RELOAD_INTERVAL);
  let part = 0;
  const ageTimer = setInterval(() => {
    if (document.hidden) return;
    part = (part + 1) % AGE_PARTS;
    batch(() => [...(stocks.peek()?.values() ?? [])].forEach((row, at) => at % AGE_PARTS === part && row.tick()));
  }, AGE_INTERVAL / AGE_PARTS);
  return () => {
    following.stop();
    cancelAnimationFrame(frame);
    clearInterval(timer);
    clearInterval(ageTimer);
  };
}

function endFlashes(flashes: (readonly [StockRow, string])[]): void {
  batch(() => {
    for (const [row, flash] of flashes) if (row.flash.peek() === flash) row.flash.value = '';
  });
}

/** Loads the closes of past days for the sparklines of rows that are shown. */
export async function loadCloses(rows: readonly StockRow[]): Promise<void> {
  const missing = rows.filter((row) => !row.closesRequested).slice(0, 50);
  if (missing.length === 0) return;
  for (const row of missing) row.closesRequested = true;
  try {
    const { nodes } = await query(ClosesDocument, { ids: missing.map(({ id }) => id) });
    batch(() => {
      for (const [at, node] of nodes.entries()) {
        if (node && 'candles' in node) missing[at]?.setCloses(node.candles.map(({ close }) => close));
      }
    });
  } catch {
    // A decoration: requested again when the row is shown again.
    for (const row of missing) row.closesRequested = false;
  }
  await loadCloses(rows.filter((row) => !row.closesRequested));
}
