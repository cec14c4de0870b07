import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as form from '../src/pages/webhooks/form.ts';

test('an empty selection means all', () => {
  const input = form.createInput({ ...form.emptyForm(), url: ' https://example.com/hook ' });
  assert.deepEqual(input, {
    format: 'STANDARD',
    url: 'https://example.com/hook',
    symbols: null,
    rules: null,
    description: null,
  });
});

test('symbols are separated by commas or spaces', () => {
  assert.deepEqual(form.typedSymbols(' aapl, BTC/USD;IBM\tMSFT,'), ['aapl', 'BTC/USD', 'IBM', 'MSFT']);
});

test('a token is sent only to the formats that have one', () => {
  const typed = { ...form.emptyForm(), url: 'https://example.com', token: 'secret' };
  assert.ok(!('token' in form.createInput(typed)));
  assert.equal(form.createInput({ ...typed, format: 'NTFY' }).token, 'secret');
});

test('an update keeps an address and a token that were not typed again', () => {
  const input = form.updateInput('id', { ...form.emptyForm(), format: 'NTFY', symbols: 'AAPL' });
  assert.ok(!('url' in input) && !('token' in input));
  assert.deepEqual(input.symbols, ['AAPL']);
});

test('a selection of rules needs a rule', () => {
  const typed = { ...form.emptyForm(), url: 'https://example.com', allRules: false };
  assert.equal(form.problemOf(typed, true)?.field, 'rules');
  assert.equal(form.problemOf({ ...typed, rules: ['id'] }, true), null);
  assert.equal(form.problemOf({ ...typed, rules: ['id'], url: '' }, true)?.field, 'url');
  assert.equal(form.problemOf({ ...typed, rules: ['id'], url: '' }, false), null);
});
