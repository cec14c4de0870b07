import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  arrowOf,
  compareDecimals,
  decimalsOf,
  formatChange,
  formatCount,
  formatPercent,
  formatPrice,
  formatShort,
  isDecimal,
  signOf,
} from '../src/format/number.ts';

test('a price has all digits that were sent, and at least 2 decimals', () => {
  const cases = [
    ['187.23', '187.23'],
    ['187', '187.00'],
    ['0.00001234', '0.00001234'],
    ['1234567.5', '1,234,567.50'],
    // More digits than a double has.
    ['92233720368.54775807', '92,233,720,368.54775807'],
    ['90071992547.40993003', '90,071,992,547.40993003'],
  ] as const;
  for (const [digits, text] of cases) assert.equal(formatPrice(digits), text);
});

test('a change has a sign, which is not a hyphen', () => {
  assert.equal(formatChange('1.23'), '+1.23');
  assert.equal(formatChange('-4.5'), '\u22124.50');
  assert.equal(formatChange('0'), '0.00');
  assert.equal(formatChange('-0.00000001'), '\u22120.00000001');
});

test('a percentage has 2 decimals, rounded half away from zero', () => {
  const cases = [
    ['0.6613', '+0.66%'],
    ['-5.4301', '\u22125.43%'],
    ['1.005', '+1.01%'],
    ['-1.005', '\u22121.01%'],
    ['0', '0.00%'],
    // The direction is kept although the digits are not.
    ['-0.001', '\u22120.00%'],
    ['1234.5', '+1,234.50%'],
  ] as const;
  for (const [digits, text] of cases) assert.equal(formatPercent(digits), text);
});

test('a volume is short, and exact as a count', () => {
  assert.equal(formatShort(12_345_678), '12.3M');
  assert.equal(formatShort('999'), '999');
  assert.equal(formatCount(1204), '1,204');
  assert.equal(formatCount('9007199254740993'), '9,007,199,254,740,993');
});

test('what is not known is a dash', () => {
  for (const format of [formatPrice, formatChange, formatPercent, formatCount, formatShort]) {
    assert.equal(format(null), '–');
    assert.equal(format(undefined), '–');
  }
});

test('signs and arrows follow the digits', () => {
  assert.deepEqual(['1', '-1', '0', '-0.00', '-0.01', null].map(signOf), [1, -1, 0, 0, -1, 0]);
  assert.deepEqual(['1', '-1', '0', null].map(arrowOf), ['▲', '▼', '', '']);
});

test('the decimals of a price are at least 2', () => {
  assert.deepEqual(['1', '1.5', '1.25', '0.00001234', null].map(decimalsOf), [2, 2, 2, 8, 2]);
});

test('a decimal is what the API accepts', () => {
  for (const text of ['0', '187.5', '+0.00000001', '-1', '007', '.5', '1.', '1.100000000000', '92233720368.54775807']) {
    assert.ok(isDecimal(text), text);
  }
  for (const text of ['', '.', '-', '1e', '1e3', '1.2.3', '1 000', '0.000000001', '92233720368.54775808', '٣']) {
    assert.ok(!isDecimal(text), text);
  }
});

test('decimals are compared exactly', () => {
  const ascending = [
    '-92233720368.54775807',
    '-10',
    '-9.5',
    '-0.00000001',
    '0',
    '0.00000001',
    '0.1',
    '0.12',
    '9',
    '10',
    '90071992547.40993001',
    '90071992547.40993002',
  ];
  for (const [at, left] of ascending.entries()) {
    for (const [other, right] of ascending.entries()) {
      // Not `equal`, for which 0 and -0 differ.
      assert.ok(Math.sign(compareDecimals(left, right)) === Math.sign(at - other), `${left} and ${right}`);
    }
  }
});
