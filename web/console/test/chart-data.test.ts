import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barAt, barsOfCandles, barsOfPrices, describe, describeBar } from '../src/pages/stock/chart-data.ts';
import { INTERVALS } from '../src/pages/stock/intervals.ts';

const [LIVE, , , , HOUR, DAY] = INTERVALS as Required<typeof INTERVALS> & { length: 6 };

const candle = (start: string, end: string, open: string, high: string, low: string, close: string) =>
  ({ start, end, open, high, low, close, volume: 1200 });

const HOURS = barsOfCandles(
  [
    candle('2026-07-20T14:00:00Z', '2026-07-20T15:00:00Z', '40.1', '41.22', '39.5', '40.5'),
    candle('2026-07-20T15:00:00Z', '2026-07-20T16:00:00Z', '40.5', '40.6', '38.1', '40.05'),
  ],
  HOUR!,
);

test('a chart is described by a sentence', () => {
  assert.equal(describe('AAPL', HOUR!, HOURS), 'AAPL, 1 hour, 2 candles, 38.10 to 41.22, last 40.05');
  assert.equal(describe('AAPL', DAY!, HOURS.slice(0, 1)), 'AAPL, 1 day, 1 candle, 39.50 to 41.22, last 40.50');
  assert.equal(describe('AAPL', LIVE!, []), 'AAPL, live, no prices');
});

test('the range of a chart is compared exactly, not as text', () => {
  const bars = barsOfPrices([
    { price: '9.5', recordedAt: '2026-07-20T14:00:01Z' },
    { price: '10', recordedAt: '2026-07-20T14:00:00Z' },
  ]);
  assert.equal(describe('X', LIVE!, bars), 'X, live, 2 prices, 9.50 to 10.00, last 9.50');
});

test('a candle of a day is of its date, others of their second', () => {
  const [day] = barsOfCandles([candle('2026-07-20T13:30:00Z', '2026-07-20T20:00:00Z', '1', '1', '1', '1')], DAY!);
  assert.equal(day!.time, '2026-07-20');
  assert.equal(describeBar(day!, DAY!), '2026-07-20: open 1.00, high 1.00, low 1.00, close 1.00, volume 1,200');
  assert.equal(HOURS[0]!.time, Date.parse('2026-07-20T14:00:00Z') / 1000);
});

test('prices of one millisecond keep their order', () => {
  const at = '2026-07-20T14:00:00.000Z';
  const bars = barsOfPrices([{ price: '2', recordedAt: at }, { price: '1', recordedAt: at }]);
  assert.deepEqual(bars.map(({ close }) => close), ['1', '2']);
  assert.ok(bars[0]!.time < bars[1]!.time);
});

test('an event belongs to the candle that it happened in, or to its day', () => {
  const at = (triggeredAt: string) => barAt(HOURS, { triggeredAt, tradingDay: '2026-07-20' });
  assert.equal(at('2026-07-20T14:59:59.999Z'), HOURS[0]);
  assert.equal(at('2026-07-20T15:00:00Z'), HOURS[1]);
  assert.equal(at('2026-07-20T16:00:00Z'), null);
  const days = barsOfCandles([candle('2026-07-20T13:30:00Z', '2026-07-20T20:00:00Z', '1', '1', '1', '1')], DAY!);
  // An old day is replayed now.
  assert.equal(barAt(days, { triggeredAt: '2026-11-29T12:00:00Z', tradingDay: '2026-07-20' }), days[0]);
});
