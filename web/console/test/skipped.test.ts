import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skippedText } from '../src/stocks/skipped.ts';

test('what was not searched is said with its provider, if there is one', () => {
  assert.equal(skippedText([]), null);
  assert.equal(skippedText([{ provider: null, reason: 'no tracker is active' }]), 'Not searched: no tracker is active');
  assert.equal(
    skippedText([
      { provider: 'finnhub', reason: 'the budget is spent' },
      { provider: 'twelvedata', reason: 'timed out' },
    ]),
    'Not searched: finnhub: the budget is spent; twelvedata: timed out',
  );
});
