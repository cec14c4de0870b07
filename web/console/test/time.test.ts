import assert from 'node:assert/strict';
import { test } from 'node:test';

// The zone of the viewer, for this file: two hours ahead of UTC in summer. It is read when the formatters are made.
process.env['TZ'] = 'Europe/Berlin';
const { formatAge, formatDate, formatDateTime, formatTime, formatUpdated, formatWeekday } = await import(
  '../src/format/time.ts'
);

const AT = '2026-07-20T22:01:07.123456Z';

test('times are those of the viewer, with 24 hours', () => {
  assert.equal(formatTime(AT), '00:01:07');
  assert.equal(formatDate(AT), '2026-07-21');
  assert.equal(formatDateTime(AT), '2026-07-21 00:01:07');
  assert.equal(formatWeekday('2026-07-20T07:30:00Z'), 'Mon 09:30');
});

test('an update is relative below a minute, then the time, then the date', () => {
  const now = (text: string) => Date.parse(text);
  assert.equal(formatUpdated(AT, now('2026-07-20T22:01:07.2Z')), '0 s ago');
  assert.equal(formatUpdated(AT, now('2026-07-20T22:02:07Z')), '59 s ago');
  assert.equal(formatUpdated(AT, now('2026-07-20T22:02:08Z')), '00:01:07');
  assert.equal(formatUpdated(AT, now('2026-07-21T21:59:59Z')), '00:01:07');
  assert.equal(formatUpdated(AT, now('2026-07-21T22:00:00Z')), '2026-07-21');
  // The clock of the server is ahead.
  assert.equal(formatUpdated(AT, now('2026-07-20T22:01:00Z')), '0 s ago');
});

test('an age has one unit', () => {
  const ages = [0, 59, 60, 3599, 3600, 86_399, 86_400].map((seconds) =>
    formatAge(new Date(0), seconds * 1000),
  );
  assert.deepEqual(ages, ['0 s', '59 s', '1 min', '59 min', '1 h', '23 h', '1 d']);
});
