/** Speaks at most one sentence in an interval, which sums up what happened in it. */

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
  #lastSpoken = Number.NEGATIVE_INFINITY;
  #isScheduled = false;
  readonly #speak: (sentence: string) => void;
  readonly #interval: number;
  readonly #timer: Timer;

  /** `interval` is in milliseconds. */
  constructor(speak: (sentence: string) => void, interval: number, timer: Timer = systemTimer) {
    this.#speak = speak;
    this.#interval = interval;
    this.#timer = timer;
  }

  /** Speaks the sentence now, or sums it up with others when the interval has passed. */
  add(sentence: string): void {
    this.#waiting.push(sentence);
    if (this.#isScheduled) return;
    const wait = this.#lastSpoken + this.#interval - this.#timer.now();
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
    this.#lastSpoken = this.#timer.now();
    this.#speak(length === 1 ? first : `${length} new alerts, the last: ${last}`);
  }
}
