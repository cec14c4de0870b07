import { createClient, type Client } from 'graphql-ws';
import { Follow, type Following, type FollowOptions } from './follow.ts';
import { Heartbeat } from './heartbeat.ts';
import { State, type ConnectionState } from './state.ts';

export interface ConnectionOptions {
  /** `ws://host:port/graphql`, or `wss:`. */
  url: string;
  /** The token of a server that requires one. Read again for each connection. */
  token?: (() => string | null | undefined) | undefined;
  /** The class to use where there is no global `WebSocket`. */
  webSocketImpl?: unknown;
  /** Milliseconds between two pings. */
  pingInterval?: number;
  /** Milliseconds without an answer to a ping after which the connection is lost. */
  pingTimeout?: number;
  /** Milliseconds that a connection may take to be made. */
  connectTimeout?: number;
  /** Milliseconds without a connection after which the state is `offline`. */
  offlineAfter?: number;
  /** Milliseconds to wait before the attempt of this number, from 1, to connect again. */
  retryWait?: (attempt: number) => number;
  /** Passed to `JSON.parse`. */
  reviver?: (this: unknown, key: string, value: unknown) => unknown;
}

/** One WebSocket with all subscriptions of a page, which are made again when it is lost. */
export interface Connection {
  readonly state: ConnectionState;
  /** Calls the listener now and at each change. Returns how to stop it. */
  onState(listener: (state: ConnectionState) => void): () => void;
  /** Subscribes, and resumes after the newest event on each new connection. */
  follow<T extends { cursor: string }>(options: FollowOptions<T>): Following;
  /** Connects again, such as with another token. Subscriptions resume. */
  reconnect(): void;
  /** Ends all subscriptions and closes the WebSocket. */
  close(): void;
}

/** Opens a connection, which stays open and is made again when it is lost until `close()`. */
export function connect(options: ConnectionOptions): Connection {
  const { pingInterval = 1_000, pingTimeout = 1_500, connectTimeout = 5_000, offlineAfter = 10_000 } = options;
  const retryWait = options.retryWait ?? backoff;
  const state = new State(offlineAfter);
  const follows = new Set<Follow<{ cursor: string }>>();
  let client: Client | undefined;

  function open(): Client {
    const heartbeat = new Heartbeat(pingTimeout, () => opened.terminate());
    const opened: Client = createClient({
      url: options.url,
      webSocketImpl: options.webSocketImpl,
      lazy: false,
      keepAlive: pingInterval,
      retryAttempts: Infinity,
      retryWait: (attempt) => new Promise((resolve) => setTimeout(resolve, retryWait(attempt + 1))),
      // A port that refuses connections may be a server that starts.
      shouldRetry: () => true,
      onNonLazyError: () => opened === client && state.refused(),
      ...(options.reviver && { jsonMessageReviver: options.reviver }),
      connectionParams: () => {
        const token = options.token?.();
        return token ? { authorization: `Bearer ${token}` } : undefined;
      },
      on: {
        connecting: () => heartbeat.expect(connectTimeout),
        connected: () => opened === client && state.live(),
        message: () => heartbeat.received(),
        ping: (received) => received || heartbeat.expect(),
        closed: (event) => {
          heartbeat.received();
          if (opened !== client) return;
          const { code } = event as { code?: number };
          if (code === FORBIDDEN) {
            // graphql-ws would try the same token again.
            state.refused();
            for (const follow of follows) follow.pause();
            client = undefined;
            dispose(opened);
          } else {
            state.lost();
          }
        },
      },
    });
    return opened;
  }

  function replace(): void {
    const old = client;
    for (const follow of follows) follow.pause();
    client = undefined;
    dispose(old);
    const opened = open();
    client = opened;
    for (const follow of follows) follow.start(opened);
  }

  client = open();
  return {
    get state() {
      return state.current;
    },
    onState: (listener) => state.listen(listener),
    follow<T extends { cursor: string }>(followed: FollowOptions<T>): Following {
      const follow = new Follow<T>(followed, retryWait);
      const kept = follow as unknown as Follow<{ cursor: string }>;
      follows.add(kept);
      if (client) follow.start(client);
      return {
        get cursor() {
          return follow.cursor;
        },
        stop() {
          follows.delete(kept);
          follow.stop();
        },
      };
    },
    reconnect() {
      state.again();
      replace();
    },
    close() {
      for (const follow of follows) follow.stop();
      follows.clear();
      const old = client;
      client = undefined;
      dispose(old);
      state.close();
    },
  };
}

/** The promise of `dispose` rejects if the connection that it waits for fails. */
function dispose(client: Client | undefined): void {
  Promise.resolve(client?.dispose()).catch(() => {});
}

/** The token is wrong, or missing. */
const FORBIDDEN = 4403;

/** 0.25, 0.5, 1, 2 and then 4 s, each up to a quarter longer, so that clients do not return all at once. */
function backoff(attempt: number): number {
  return Math.min(250 * 2 ** (attempt - 1), 4_000) * (1 + Math.random() / 4);
}
