import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryPriceFragment as Price } from '../src/generated/graphql.ts';
import {
  addAfterGap,
  addNewer,
  addOlder,
  fillGap,
  isGap,
  pricesOf,
  type Gap,
  type HistoryList,
} from '../src/pages/stock/history-list.ts';

/** A price that was recorded so many seconds after the beginning. */
const price = (second: number, database = ''): Price => ({
  price: String(second),
  previousClose: null,
  open: null,
  high: null,
  low: null,
  change: null,
  changePercent: null,
  volume: null,
  tradingDay: '2026-07-20',
  recordedAt: new Date(second * 1000).toISOString(),
  provider: 'replay',
  cursor: `${database}${second}`,
});

const prices = (...seconds: number[]): Price[] => seconds.map((second) => price(second));
const list = (...seconds: number[]): HistoryList => ({ entries: prices(...seconds), hasOlder: false });
/** The seconds of the prices, and `gap`. */
const shown = ({ entries }: HistoryList): string[] => entries.map((it) => (isGap(it) ? 'gap' : it.price));

test('new prices come on top, newest first', () => {
  assert.deepEqual(shown(addNewer(list(2, 1), prices(3, 4))), ['4', '3', '2', '1']);
});

test('a price that is the newest one already is not doubled', () => {
  assert.deepEqual(shown(addNewer(list(2, 1), prices(2, 3))), ['3', '2', '1']);
});

test('a long list forgets its end, which can be loaded again', () => {
  const long = addNewer(list(0), Array.from({ length: 3000 }, (_, at) => price(at + 1)));
  assert.equal(long.entries.length, 2000);
  assert.equal(shown(long)[0], '3000');
  assert.equal(long.hasOlder, true);
});

test('older prices follow, once', () => {
  const longer = addOlder(list(5, 4), prices(4, 3, 2), true);
  assert.deepEqual(shown(longer), ['5', '4', '3', '2']);
  assert.equal(longer.hasOlder, true);
});

test('an interruption that cannot be resumed leaves a gap, which is filled by what is stored', () => {
  const broken = addNewer(addAfterGap(list(2, 1), price(9, 'other-')), [price(10, 'other-')]);
  assert.deepEqual(shown(broken), ['10', '9', 'gap', '2', '1']);
  const gap = broken.entries[2] as Gap;
  assert.deepEqual([gap.from, gap.to], [price(2).recordedAt, price(9).recordedAt]);
  // The history of the gap begins with the price before it, under another cursor.
  const filled = fillGap(broken, gap, [5, 4, 2].map((second) => price(second, 'other-')));
  assert.deepEqual(shown(filled), ['10', '9', '5', '4', '2', '1']);
  assert.equal(pricesOf(filled).length, 6);
});

test('the first price of an empty list is not a gap, and older ones can be loaded', () => {
  const first = addAfterGap({ entries: [], hasOlder: false }, price(1));
  assert.deepEqual(shown(first), ['1']);
  assert.equal(first.hasOlder, true);
});

test('a gap that was filled is not filled again', () => {
  const broken = addAfterGap(list(2), price(9));
  const gap = broken.entries[1] as Gap;
  const filled = fillGap(broken, gap, prices(5));
  assert.equal(fillGap(filled, gap, prices(6)), filled);
});
