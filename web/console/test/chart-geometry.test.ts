import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layOut } from '../src/pages/rules/chart-geometry.ts';

const day = 86_400_000;
const points = [10, 20, 15].map((value, at) => ({ at: at * day, value }));

test('a marker is on the last price that is not later than it', () => {
  const laid = layOut({ points, fired: [{ at: 1.5 * day, isDown: true }], level: null });
  const [, second] = laid?.line.split(' ') ?? [];
  assert.equal(`${laid?.markers[0]?.x},${laid?.markers[0]?.y}`, second);
  assert.equal(laid?.markers[0]?.isDown, true);
});

test('what fired before the first price has no marker', () => {
  assert.equal(layOut({ points, fired: [{ at: -day, isDown: false }], level: null })?.markers.length, 0);
});

test('a level beside the prices is drawn, and one that would press them flat is not', () => {
  assert.notEqual(layOut({ points, fired: [], level: 25 })?.levelY, null);
  assert.equal(layOut({ points, fired: [], level: 2500 })?.levelY, null);
});

test('prices that never change are a line, and a single one is nothing', () => {
  const flat = points.map(({ at }) => ({ at, value: 7 }));
  assert.doesNotMatch(layOut({ points: flat, fired: [], level: null })?.line ?? 'NaN', /NaN|Infinity/);
  assert.equal(layOut({ points: points.slice(0, 1), fired: [], level: null }), null);
  // All firings at one instant.
  const instant = [{ at: 0, value: 0 }, { at: 0, value: 0 }];
  const laid = layOut({ points: instant, fired: [{ at: 0, isDown: false, value: 5 }], level: null });
  assert.doesNotMatch(laid?.line ?? 'NaN', /NaN/);
});
