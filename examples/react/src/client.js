import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import { ResumeLink } from './resume.js';

const api = import.meta.env.VITE_API ?? 'http://localhost:8080';

/** The WebSocket, and whether it is open, for `useSyncExternalStore`. */
export const connection = {
  live: false,
  listeners: new Set(),
  set(live) {
    connection.live = live;
    connection.listeners.forEach((listener) => listener());
  },
  subscribe(listener) {
    connection.listeners.add(listener);
    return () => connection.listeners.delete(listener);
  },
};

const socket = createClient({
  url: new URL('/graphql', api.replace(/^http/, 'ws')).href,
  // A server that is starting refuses connections.
  shouldRetry: () => true,
  retryAttempts: Infinity,
  retryWait: (retries) => new Promise((retry) => setTimeout(retry, Math.min(100 * 2 ** retries, 5_000))),
  keepAlive: 10_000,
  on: { connected: () => connection.set(true), closed: () => connection.set(false) },
});

const link = ApolloLink.split(
  ({ query }) => getMainDefinition(query).operation === 'subscription',
  ApolloLink.from([new ResumeLink('priceUpdates'), new GraphQLWsLink(socket)]),
  new HttpLink({ uri: new URL('/graphql', api).href }),
);

export const client = new ApolloClient({ link, cache: new InMemoryCache() });
