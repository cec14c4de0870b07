import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleFieldsFragment } from '../src/generated/graphql.ts';
import { outcome, seen } from '../src/pages/rules/dry-run.ts';
import { durationText, parseDuration } from '../src/pages/rules/duration.ts';
import * as form from '../src/pages/rules/form.ts';
import { hasSetting, ruleName, ruleSentence } from '../src/pages/rules/kinds.ts';

const rule: RuleFieldsFragment = {
  id: 'QWxlcnRSdWxlOjI',
  symbol: 'AAPL',
  kind: 'PRICE_ABOVE',
  threshold: '12345678901.12345678',
  base: null,
  basis: 'LAST',
  windowSeconds: null,
  holdSeconds: 90,
  rearmPercent: '0',
  trigger: 'ONCE_PER_DAY',
  cooldownSeconds: 3600,
  enabled: true,
  expired: false,
  expiresAt: '2031-01-02T03:04:05Z',
  name: null,
  note: null,
};

test('durations are read as people type them, and written so that they are read again', () => {
  assert.equal(parseDuration(''), 0);
  assert.equal(parseDuration(' 90 '), 90);
  assert.equal(parseDuration('1h 30m'), 5400);
  assert.equal(parseDuration('2D'), 172_800);
  for (const text of ['-5', '1.5h', '5 minutes', 'm', '1e3']) assert.equal(parseDuration(text), null, text);
  for (const seconds of [0, 1, 59, 60, 61, 3599, 3600, 86_399, 86_400, 604_800]) {
    assert.equal(parseDuration(durationText(seconds)), seconds);
  }
});

test('an input has only the settings that go with its kind', () => {
  const typed = { ...form.emptyForm(), threshold: '5', base: 'OPEN', windowSeconds: '300', basis: 'RANGE' } as const;
  const percent = form.createInput(typed);
  assert.equal(percent.symbol, null);
  assert.equal(percent.base, 'OPEN');
  assert.equal(percent.basis, 'LAST');
  assert.ok(!('windowSeconds' in percent));

  const window = form.createInput({ ...typed, symbol: 'AAPL', kind: 'CHANGE_IN_WINDOW' });
  assert.equal(window.windowSeconds, 300);
  assert.ok(!('base' in window));

  const range = form.createInput({ ...form.emptyForm('AAPL', '200'), basis: 'RANGE', hold: '5m' });
  assert.equal(range.basis, 'RANGE');
  assert.equal(range.holdSeconds, 0);
  assert.ok(!hasSetting('rearm', { kind: 'VOLUME_SPIKE', basis: 'LAST' }));
});

test('a threshold is sent with the digits that were typed', () => {
  const typed = '12345678901.12345678';
  assert.equal(form.createInput(form.emptyForm('AAPL', ` ${typed} `)).threshold, typed);
  assert.equal(form.createInput(form.emptyForm('AAPL', '12,5')).threshold, '12.5');
});

test('an update has only what was changed', () => {
  const unchanged = form.formOfRule(rule);
  assert.deepEqual(form.updateInput(rule, unchanged), { id: rule.id });
  assert.deepEqual(form.updateInput(rule, { ...unchanged, threshold: '1', name: ' new ' }), {
    id: rule.id,
    threshold: '1',
    name: 'new',
  });
  assert.deepEqual(form.updateInput({ ...rule, name: 'old' }, unchanged), { id: rule.id, name: null });
  assert.deepEqual(form.updateInput(rule, { ...unchanged, expires: '' }), { id: rule.id, expiresAt: null });
});

test('a value that the server cannot read is found in its field', () => {
  const valid = form.emptyForm('AAPL', '200');
  assert.equal(form.problemOf(valid), null);
  assert.equal(form.problemOf({ ...valid, symbol: '' })?.field, 'symbol');
  assert.equal(form.problemOf({ ...valid, threshold: ' ' })?.field, 'threshold');
  // A comma and a point could mean either.
  for (const threshold of ['1e', '1e3', '1,234.5', '-']) {
    assert.equal(form.problemOf({ ...valid, threshold })?.field, 'threshold', threshold);
  }
  assert.equal(form.problemOf({ ...valid, threshold: ' 12,5 ' }), null);
  assert.equal(form.problemOf({ ...valid, rearm: '1e' })?.field, 'rearm');
  assert.equal(form.problemOf({ ...valid, rearm: ' ' }), null);
  assert.equal(form.problemOf({ ...valid, kind: 'VOLUME_SPIKE', rearm: '1e' }), null);
  assert.equal(form.problemOf({ ...valid, cooldown: 'soon' })?.field, 'cooldown');
  assert.equal(form.problemOf({ ...valid, hold: 'soon' })?.field, 'hold');
  assert.equal(form.problemOf({ ...valid, hold: 'soon', kind: 'CROSSES_ABOVE' }), null);
  assert.equal(form.formField('holdSeconds'), 'hold');
  assert.equal(form.formField('enabled'), null);
});

test('a rule without a name is called by its sentence', () => {
  assert.equal(ruleName({ symbol: 'AAPL', kind: 'PRICE_ABOVE', threshold: '200' }), 'AAPL above 200');
  assert.equal(ruleName({ ...rule, name: '<b>mine</b>' }), '<b>mine</b>');
  assert.equal(ruleSentence({ kind: 'PERCENT_CHANGE', threshold: '5' }), 'Any stock changes by 5%');
  assert.equal(
    ruleSentence({ symbol: 'IBM', kind: 'CHANGE_IN_WINDOW', threshold: '3', windowSeconds: 14_400 }),
    'IBM changes by 3% in 4 hours',
  );
});

test('a dry run reports how often the rule would have fired, or why not', () => {
  assert.equal(outcome({ count: 12, notFired: null }), 'Would have fired 12 times');
  assert.equal(outcome({ count: 1, notFired: null }), 'Would have fired 1 time');
  assert.equal(outcome({ count: 0, notFired: 'NEVER_TRUE' }), 'Would not have fired: it was never true');
  assert.equal(seen({ pricesSeen: 1204, candlesSeen: 30 }), '1,204 prices, 30 candles');
});
