import type { Client, ExecutionResult } from 'graphql-ws';

export interface FollowOptions<T extends { cursor: string }> {
  /** A subscription with the variable `$after: Cursor` and one root field that selects `cursor`. */
  query: string;
  variables?: Record<string, unknown>;
  /** Starts after this cursor: of a price, an alert, or `status { feed { position } }`. */
  after?: string | null;
  /** Receives each event once, in order, also over connections that are lost. */
  next(event: T, delivery: Delivery): void;
  /**
   * Events after this cursor are no longer stored, or the database is another one. The subscription starts again
   * without a cursor, so that the next events are the latest price of each symbol.
   */
  expired?(after: string): void;
  /** The server refuses the subscription, which has ended; or an event could not be answered, and it continues. */
  error?(error: SubscriptionError): void;
}

export interface Delivery {
  /** Whether the event was not new when it was sent: the latest price at the start of a subscription. */
  snapshot: boolean;
  /** The number of older prices of the symbol that were skipped since the event before, with `mode: LATEST`. */
  missed: number;
}

export interface Following {
  /** The cursor of the newest event. */
  readonly cursor: string | null;
  stop(): void;
}

export class SubscriptionError extends Error {
  override name = 'SubscriptionError';
  /** Such as `NOT_FOUND`: `extensions.code`. */
  readonly code: string;
  /** Whether the subscription has ended. */
  readonly ended: boolean;

  constructor(message: string, code: string, ended: boolean) {
    super(message);
    this.code = code;
    this.ended = ended;
  }
}

interface ServerError {
  message: string;
  extensions?: Record<string, unknown>;
}

/** Errors of the server that pass. */
const TEMPORARY = new Set(['UNAVAILABLE', 'RATE_LIMITED', 'TIMEOUT', 'INTERNAL']);

/** A subscription that is made again on each connection, after the newest cursor. */
export class Follow<T extends { cursor: string }> implements Following {
  cursor: string | null;
  #options: FollowOptions<T>;
  #wait: (attempt: number) => number;
  #attempt = 0;
  /** The server refused it. */
  #ended = false;
  #client: Client | undefined;
  #unsubscribe: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: FollowOptions<T>, wait: (attempt: number) => number) {
    this.#options = options;
    this.#wait = wait;
    this.cursor = options.after ?? null;
  }

  start(client: Client): void {
    this.pause();
    if (this.#ended) return;
    this.#client = client;
    const follow = this;
    // graphql-ws sends the payload again on each connection, and so reads the newest cursor.
    const variables = {
      ...this.#options.variables,
      get after() {
        return follow.cursor;
      },
    };
    let current = true;
    const unsubscribe = client.subscribe({ query: this.#options.query, variables }, {
      next: (result) => current && this.#next(result as ExecutionResult<Record<string, T>>),
      error: (error) => current && this.#error(error),
      complete: () => current && this.#again(),
    });
    this.#unsubscribe = () => {
      current = false;
      unsubscribe();
    };
  }

  /** Ends it on this client; `start` continues. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  stop(): void {
    this.pause();
    this.#client = undefined;
  }

  #next({ data, errors, extensions }: ExecutionResult<Record<string, T>>): void {
    this.#attempt = 0;
    const [event] = Object.values(data ?? {});
    if (!event) {
      this.#options.error?.(asError(errors?.[0], false));
      return;
    }
    const delivery = extensions?.['delivery'] as Partial<Delivery> | undefined;
    this.cursor = event.cursor;
    this.#options.next(event, { snapshot: delivery?.snapshot ?? false, missed: delivery?.missed ?? 0 });
  }

  #error(error: unknown): void {
    // An array is the server's refusal. Everything else closed the connection for good.
    if (!Array.isArray(error)) return;
    const [first] = error as ServerError[];
    const extensions = first?.extensions ?? {};
    if (extensions['reason'] === 'CURSOR_EXPIRED' && this.cursor !== null) {
      const { cursor } = this;
      this.cursor = null;
      this.#options.expired?.(cursor);
      this.#again(0);
    } else if (TEMPORARY.has(String(extensions['code']))) {
      this.#again(Number(extensions['retryAfter'] ?? 0) * 1000);
    } else {
      this.#ended = true;
      this.#options.error?.(asError(first, true));
    }
  }

  #again(atLeast = 0): void {
    const client = this.#client;
    if (!client) return;
    const wait = Math.max(atLeast, this.#attempt === 0 ? 0 : this.#wait(this.#attempt));
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(client), wait);
  }
}

function asError(error: ServerError | undefined, ended: boolean): SubscriptionError {
  const code = String(error?.extensions?.['code'] ?? 'INTERNAL');
  return new SubscriptionError(error?.message ?? 'The server sent no event.', code, ended);
}
