// What the chart shows, computed from the strings of the API. Doubles are for the geometry only.
import { compareDecimals, decimalsOf, formatCount, formatPrice } from '../../format/number.ts';
import { formatDateTime } from '../../format/time.ts';
import type { CandleFieldsFragment as Candle } from '../../generated/graphql.ts';
import type { Interval } from './intervals.ts';

/** A candle, or a price as a candle without a body. */
export interface Bar extends Pick<Candle, 'start' | 'end' | 'open' | 'high' | 'low' | 'close' | 'volume'> {
  /** What the chart calls it: a day, or seconds since 1970. */
  time: string | number;
}

interface LivePrice {
  price: string;
  volume?: string | number | null;
  recordedAt: string;
}

/** Candles as bars. A candle of a day has the date of its session. */
export function barsOfCandles(candles: readonly Candle[], interval: Interval): Bar[] {
  const time = (start: string) => (interval.candles === 'ONE_DAY' ? start.slice(0, 10) : Date.parse(start) / 1000);
  return candles.map((candle) => ({ ...candle, time: time(candle.start) }));
}

/** Prices, newest first, as bars, oldest first, each a millisecond after the one before at least. */
export function barsOfPrices(prices: readonly LivePrice[]): Bar[] {
  let last = 0;
  return prices.toReversed().map(({ price, volume = null, recordedAt }) => {
    last = Math.max(Date.parse(recordedAt), last + 1);
    return { start: recordedAt, end: recordedAt, open: price, high: price, low: price, close: price, volume, time: last / 1000 };
  });
}

/** The decimals of the axis: those of the last price. */
export const precisionOf = (bars: readonly Bar[]): number => Math.min(8, decimalsOf(bars.at(-1)?.close));

/** `AAPL, 1 day, 120 candles, 38.10 to 41.22, last 40.05` */
export function describe(symbol: string, interval: Interval, bars: readonly Bar[]): string {
  const unit = interval.candles === null ? ['price', 'prices'] : ['candle', 'candles'];
  const count = `${formatCount(bars.length)} ${unit[bars.length === 1 ? 0 : 1]}`;
  const parts = [symbol, interval.words, bars.length === 0 ? `no ${unit[1]}` : count];
  const last = bars.at(-1);
  if (last) {
    const low = bars.reduce((least, bar) => (compareDecimals(bar.low, least) < 0 ? bar.low : least), last.low);
    const high = bars.reduce((most, bar) => (compareDecimals(bar.high, most) > 0 ? bar.high : most), last.high);
    parts.push(`${formatPrice(low)} to ${formatPrice(high)}`, `last ${formatPrice(last.close)}`);
  }
  return parts.join(', ');
}

/** When a bar is, in words. */
export const timeOf = (bar: Bar): string => (typeof bar.time === 'string' ? bar.time : formatDateTime(bar.start));

/** One bar in words: `2006-10-09: open 74.10, high …` */
export function describeBar(bar: Bar, interval: Interval): string {
  const volume = bar.volume == null ? '' : `, volume ${formatCount(bar.volume)}`;
  if (interval.candles === null) return `${timeOf(bar)}: ${formatPrice(bar.close)}${volume}`;
  const { open, high, low, close } = bar;
  const prices = [['open', open], ['high', high], ['low', low], ['close', close]] as const;
  return `${timeOf(bar)}: ${prices.map(([name, value]) => `${name} ${formatPrice(value)}`).join(', ')}${volume}`;
}

/** The bar that an event belongs to: of its trading day, or the one that it happened in. */
export function barAt(bars: readonly Bar[], at: { triggeredAt: string; tradingDay: string }): Bar | null {
  const instant = Date.parse(at.triggeredAt);
  return (
    bars.findLast((bar) =>
      typeof bar.time === 'string'
        ? bar.time === at.tradingDay
        : bar.start === at.triggeredAt || (Date.parse(bar.start) <= instant && instant < Date.parse(bar.end)),
    ) ?? null
  );
}
