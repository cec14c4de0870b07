/**
 * Detects a server that does not answer. A page never sees the pings of a WebSocket, so this uses the messages `ping`
 * and `pong` of the protocol.
 */
export class Heartbeat {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timeout: number;
  #onSilence: () => void;

  constructor(timeout: number, onSilence: () => void) {
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /** A `ping` was sent, or a connection begun. */
  expect(timeout = this.#timeout): void {
    if (this.#timer === undefined) this.#wait(timeout);
  }

  /** Anything was received. */
  received(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(timeout: number): void {
    const due = Date.now() + timeout;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // A timer that is late belongs to a page that slept. What arrived meanwhile is handled first.
      if (Date.now() > due + timeout) this.#wait(timeout);
      else this.#onSilence();
    }, timeout);
  }
}
