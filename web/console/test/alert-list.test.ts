import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlertFieldsFragment } from '../src/generated/graphql.ts';
import {
  acknowledge,
  addAlert,
  addOlder,
  type AlertList,
  MAX_SHOWN,
  showWaiting,
} from '../src/pages/alerts/alert-list.ts';

const alert = (id: number): AlertFieldsFragment => ({
  id: String(id),
  cursor: `cursor ${id}`,
  symbol: 'AAPL',
  message: `alert ${id}`,
  direction: 'UP',
  changePercent: null,
  tradingDay: '2026-11-27',
  triggeredAt: '2026-11-29T12:00:00Z',
  acknowledgedAt: null,
  rule: null,
});
const listOf = (...ids: number[]): AlertList => ({ shown: ids.map(alert), waiting: [], older: null });
const shown = (list: AlertList) => list.shown.map(({ id }) => Number(id));

test('a new alert is on top, and only once', () => {
  const list = addAlert(addAlert(listOf(2, 1), alert(3), false), alert(3), false);
  assert.deepEqual(shown(list), [3, 2, 1]);
});

test('while older alerts are read, new ones wait in order', () => {
  let list = listOf(1);
  for (const id of [2, 3, 3]) list = addAlert(list, alert(id), true);
  assert.deepEqual(shown(list), [1]);
  assert.equal(list.waiting.length, 2);
  list = showWaiting(list);
  assert.deepEqual(shown(list), [3, 2, 1]);
  assert.equal(list.waiting.length, 0);
  // Also those that waited when the next one is shown at once.
  assert.deepEqual(shown(addAlert(addAlert(listOf(1), alert(2), true), alert(3), false)), [3, 2, 1]);
});

test('a list that is open all day stays bounded, and continues after its last alert', () => {
  let list = listOf();
  for (let id = 1; id <= MAX_SHOWN + 3; id += 1) list = addAlert(list, alert(id), false);
  assert.equal(list.shown.length, MAX_SHOWN);
  assert.equal(list.shown.at(-1)?.id, '4');
  assert.equal(list.older, 'cursor 4');
  list = addOlder(list, [alert(4), alert(3), alert(2)], null);
  assert.deepEqual(shown(list).slice(-3), [4, 3, 2]);
  assert.equal(list.older, null);
});

test('an acknowledgement is taken back', () => {
  const done = acknowledge(listOf(2, 1), '1', '2026-11-29T12:00:00Z');
  assert.equal(done.shown[1]?.acknowledgedAt, '2026-11-29T12:00:00Z');
  assert.equal(acknowledge(done, '1', null).shown[1]?.acknowledgedAt, null);
});
