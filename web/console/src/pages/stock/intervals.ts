import type { CandleInterval } from '../../generated/graphql.ts';

export interface Interval {
  /** In the address: `?interval=1d`. */
  key: string;
  name: string;
  /** In a sentence about the chart. */
  words: string;
  /** Null for the prices themselves. */
  candles: CandleInterval | null;
}

export const INTERVALS: readonly Interval[] = [
  { key: 'live', name: 'Live', words: 'live', candles: null },
  { key: '1m', name: '1 minute', words: '1 minute', candles: 'ONE_MINUTE' },
  { key: '5m', name: '5 minutes', words: '5 minutes', candles: 'FIVE_MINUTES' },
  { key: '15m', name: '15 minutes', words: '15 minutes', candles: 'FIFTEEN_MINUTES' },
  { key: '1h', name: '1 hour', words: '1 hour', candles: 'ONE_HOUR' },
  { key: '1d', name: '1 day', words: '1 day', candles: 'ONE_DAY' },
];

const DEFAULT = INTERVALS.at(-1)!;

/** The interval that the address names, or days. */
export const intervalOf = (params: URLSearchParams): Interval =>
  INTERVALS.find(({ key }) => key === params.get('interval')) ?? DEFAULT;
