import { signal } from '@preact/signals';
import { compareDecimals, decimalsOf, UNKNOWN } from '../format/number.ts';
import { formatUpdated } from '../format/time.ts';
import type { QuoteFragment } from '../generated/graphql.ts';

/** The number of prices in a sparkline. */
const POINTS = 40;
/** A line of daily closes needs some of them; else it is of the prices that arrive. */
const FEWEST_CLOSES = 3;

/** The largest number of decimals of all prices, so that decimal points are under each other. */
export const priceDecimals = signal(2);
export const changeDecimals = signal(2);

/** A tracked stock, whose quote changes often: each signal updates only what shows it. */
export class StockRow {
  readonly id: string;
  readonly symbol: string;
  readonly name = signal<string | null>(null);
  readonly stale = signal(false);
  readonly note = signal<string | null>(null);
  readonly quote = signal<QuoteFragment | null>(null);
  /** `up` or `down` and a number that differs from the flash before; empty when the price was not changed lately. */
  readonly flash = signal('');
  /** The last prices, for the sparkline. Doubles are exact enough for a line of 20 pixels. */
  readonly points = signal<readonly number[]>([]);
  /** How long ago the price was recorded, in words, which `tick` brings up to date. */
  readonly updated = signal(UNKNOWN);
  /** Whether the closes for the sparkline were requested. */
  closesRequested = false;
  #flashes = 0;
  #daily = false;

  constructor(id: string, symbol: string) {
    this.id = id;
    this.symbol = symbol;
  }

  /** Shows a quote. Returns whether the price is another one, and so flashes. */
  show(quote: QuoteFragment, { flash }: { flash: boolean }): boolean {
    const before = this.quote.peek();
    if (before?.cursor === quote.cursor) return false;
    this.quote.value = quote;
    this.tick();
    this.#addPoint(quote, before);
    const decimals = Math.max(decimalsOf(quote.price), decimalsOf(quote.high), decimalsOf(quote.low));
    if (decimals > priceDecimals.peek()) priceDecimals.value = decimals;
    if (decimalsOf(quote.change) > changeDecimals.peek()) changeDecimals.value = decimalsOf(quote.change);
    const order = before && flash ? compareDecimals(quote.price, before.price) : 0;
    if (order === 0) return false;
    this.#flashes += 1;
    this.flash.value = `${order > 0 ? 'up' : 'down'} flash-${this.#flashes % 2}`;
    return true;
  }

  tick(): void {
    const quote = this.quote.peek();
    if (quote) this.updated.value = formatUpdated(quote.recordedAt, Date.now());
  }

  /** Begins the sparkline with closes of past days, oldest first. */
  setCloses(closes: readonly string[]): void {
    if (closes.length < FEWEST_CLOSES) return;
    this.#daily = true;
    this.points.value = closes.map(Number);
  }

  #addPoint(quote: QuoteFragment, before: QuoteFragment | null): void {
    const points = this.points.peek();
    const sameDay = this.#daily && before?.tradingDay === quote.tradingDay;
    const kept = sameDay ? points.slice(0, -1) : points.slice(1 - POINTS);
    this.points.value = [...kept, Number(quote.price)];
  }
}
