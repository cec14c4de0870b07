import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Announcer, type Timer } from '../src/pages/alerts/announcer.ts';

/** A clock that a test moves. */
class TestTimer implements Timer {
  #now = 0;
  #due: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  set(run: () => void, delay: number): void {
    this.#due.push({ at: this.#now + delay, run });
  }

  advance(by: number): void {
    this.#now += by;
    const due = this.#due.filter((it) => it.at <= this.#now);
    this.#due = this.#due.filter((it) => it.at > this.#now);
    for (const it of due) it.run();
  }
}

test('at most one sentence is spoken in an interval, and none is lost', () => {
  const spoken: string[] = [];
  const timer = new TestTimer();
  const announcer = new Announcer((sentence) => spoken.push(sentence), 5000, timer);
  announcer.add('first');
  assert.deepEqual(spoken, ['first']);
  announcer.add('second');
  announcer.add('third');
  timer.advance(4999);
  assert.equal(spoken.length, 1);
  timer.advance(1);
  assert.deepEqual(spoken, ['first', '2 new alerts, the last: third']);
  timer.advance(1000);
  announcer.add('fourth');
  timer.advance(3999);
  assert.equal(spoken.length, 2);
  timer.advance(1);
  assert.deepEqual(spoken.slice(2), ['fourth']);
  timer.advance(60_000);
  announcer.add('fifth');
  assert.equal(spoken.at(-1), 'fifth');
});
