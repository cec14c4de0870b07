import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from '../src/api/json.ts';

test('an integer that a double cannot hold keeps its digits where the engine passes them', () => {
  const { volume } = parse('{"volume": 9007199254740993}') as { volume: unknown };
  // Engines without the source of a number in JSON.parse round it.
  const passesSource = JSON.parse('1', (_key, _value, context?: { source?: string }) => context?.source) === '1';
  assert.equal(volume, passesSource ? '9007199254740993' : 9007199254740992);
});

test('other values are as JSON.parse has them', () => {
  const text = '{"volume": 12345678, "lag": 0.1234567890123456789, "none": null}';
  assert.deepEqual(parse(text), JSON.parse(text));
});
