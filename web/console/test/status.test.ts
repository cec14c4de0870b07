import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetText, intervalText, lagText, nextReset, providerNotice } from '../src/pages/status/words.ts';

test('a notice names a provider that does not work, and prices that are not those of a market', () => {
  assert.equal(
    providerNotice({ name: 'replay', state: 'OK', note: 'replay of historical prices, 2004-08-20' }),
    'Replay of historical prices, 2004-08-20',
  );
  assert.equal(providerNotice({ name: 'alpha_vantage', state: 'OK', note: 'a plan' }), null);
  assert.equal(providerNotice({ name: 'kraken', state: 'STANDBY', note: null }), null);
  assert.equal(
    providerNotice({ name: 'alpha_vantage', state: 'BUDGET_SPENT', note: 'until 05:00 UTC' }),
    'alpha_vantage: budget spent, until 05:00 UTC',
  );
  assert.equal(providerNotice({ name: 'finnhub', state: 'REFUSED' }), 'finnhub: refused');
});

test('intervals and delays have the unit that reads best', () => {
  assert.equal(intervalText(10_800), '3 h');
  assert.equal(intervalText(90), '90 s');
  assert.equal(intervalText(120), '2 min');
  assert.equal(intervalText(0.25), '0.25 s');
  assert.equal(intervalText(172_800), '2 d');
  assert.equal(intervalText(null), '–');
  assert.equal(lagText(0.0123), '12 ms');
  assert.equal(lagText(3.14), '3.1 s');
});

test('of several budgets, the first reset is shown', () => {
  const budgets = [
    { window: 'MINUTE', limit: 5, left: 4, resetsAt: '2026-11-29T12:00:30.5Z' },
    { window: 'DAY', limit: 25, left: 18, resetsAt: '2026-11-29T12:00:30Z' },
    { window: 'MONTH', limit: 9, left: 9, resetsAt: null },
  ];
  assert.equal(budgetText(budgets), '4 of 5 a minute, 18 of 25 a day, 9 of 9 a month');
  assert.equal(nextReset(budgets), '2026-11-29T12:00:30Z');
  assert.equal(nextReset([]), null);
});
