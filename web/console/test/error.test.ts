import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, rejectedField } from '../src/api/error.ts';

test('an error names the field that it rejects', () => {
  assert.deepEqual(rejectedField('threshold: must be greater than 0'), {
    field: 'threshold',
    reason: 'must be greater than 0',
  });
  const unread = 'got invalid value; Failed to parse "Decimal": "x" is not a decimal number';
  const reason = '"x" is not a decimal number';
  assert.deepEqual(rejectedField(`Variable "$input.threshold" ${unread}`), { field: 'threshold', reason });
  assert.deepEqual(rejectedField(`Variable "$input.symbols[0]" ${unread}`), { field: 'symbols', reason });
  assert.equal(rejectedField('AAPL was never tracked'), null);
  assert.equal(new ApiError('threshold: is wrong', 'NOT_FOUND').field, null);
  assert.equal(new ApiError('threshold: is wrong', 'BAD_USER_INPUT').field, 'threshold');
});
