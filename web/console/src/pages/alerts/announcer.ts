/** Limits how often something is said: at most one sentence in an interval, which sums up. */

export interface Timer {
  set(run: () => void, delay: number): void;
  now(): number;
}

export const systemTimer: Timer = {
  set: (run, delay) => void setTimeout(run, delay),
  now: () => performance.now(),
};

export class Announcer {
  #waiting: string[] = [];
  #lastSaid = Number.NEGATIVE_INFINITY;
  #isScheduled = false;
  readonly #say: (sentence: string) => void;
  readonly #interval: number;
  readonly #timer: Timer;

  /** `interval` is in milliseconds. */
  constructor(say: (sentence: string) => void, interval: number, timer: Timer = systemTimer) {
    this.#say = say;
    this.#interval = interval;
    this.#timer = timer;
  }

  /** Says the sentence now, or sums it up with others when the interval has passed. */
  add(sentence: string): void {
    this.#waiting.push(sentence);
    if (this.#isScheduled) return;
    const wait = this.#lastSaid + this.#interval - this.#timer.now();
    if (wait <= 0) {
      this.#flush();
      return;
    }
    this.#isScheduled = true;
    this.#timer.set(() => {
      this.#isScheduled = false;
      this.#flush();
    }, wait);
  }

  #flush(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const { length } = this.#waiting;
    const last = this.#waiting[length - 1] ?? first;
    this.#waiting = [];
    this.#lastSaid = this.#timer.now();
    this.#say(length === 1 ? first : `${length} new alerts, the last: ${last}`);
  }
}
