import { effect, signal } from '@preact/signals';
import { connect, type ConnectionState } from 'stock-tracker-client';
import { serverPath } from '../router/base.ts';
import { exactInteger } from './json.ts';
import { askAccessToken } from './sign-in.ts';
import { currentToken } from './token.ts';

const url = new URL(serverPath('/graphql'), location.href);
url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

/** The one WebSocket of this page. */
export const connection = connect({
  url: url.href,
  token: currentToken,
  reviver: exactInteger,
  // A server that was restarted is noticed soon; one that is away costs an attempt every two seconds.
  retryWait: (attempt) => Math.min(250 * 2 ** (attempt - 1), 2_000) * (1 + Math.random() / 4),
});

/** The state of the connection, for components. */
export const connectionState = signal<ConnectionState>(connection.state);
connection.onState((state) => {
  connectionState.value = state;
  if (state.status === 'refused') void askAccessToken(currentToken());
});

/** Calls back each time the connection becomes live, unless it is live already. Returns how to stop. */
export function onConnected(run: () => void): () => void {
  let wasLive = true;
  return connection.onState(({ status }) => {
    const isLive = status === 'live';
    if (isLive && !wasLive) run();
    wasLive = isLive;
  });
}

// A page that cannot reach the network does not wait for a ping to find out.
addEventListener('online', () => connection.state.status !== 'live' && connection.reconnect());

/** Connects again with a token that replaced a refused one. */
effect(() => {
  if (currentToken() !== null && connectionState.peek().status === 'refused') connection.reconnect();
});
