import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, rejectedField } from '../src/api/error.ts';

test('an error names the field that it rejects', () => {
  assert.deepEqual(rejectedField('threshold: must be greater than 0'), {
    field: 'threshold',
    reason: 'must be greater than 0',
  });
  assert.deepEqual(
    rejectedField('Variable "$input.threshold" got invalid value; Failed to parse "Decimal": "x" is not a decimal number'),
    { field: 'threshold', reason: '"x" is not a decimal number' },
  );
  assert.equal(rejectedField('Variable "$input.symbols.0" got invalid value; Failed to parse "Symbol": no')?.field, 'symbols');
  assert.equal(rejectedField('AAPL was never tracked'), null);
  assert.equal(new ApiError('threshold: is wrong', 'NOT_FOUND').field, null);
  assert.equal(new ApiError('threshold: is wrong', 'BAD_USER_INPUT').field, 'threshold');
});
