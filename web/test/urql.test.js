// urql: queries by GET, mutations by POST, subscriptions over WebSocket and Server-Sent Events, persisted queries.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cacheExchange, createClient, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { createClient as createSocket } from 'graphql-ws';
import WebSocket from 'ws';
import { limit, start, until } from '../support/program.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

/** A client with its own cache, whose requests are listed in `sent`. */
function connect({ exchanges = [], token, ...options } = {}) {
  const sent = [];
  const client = createClient({
    url: api.graphql,
    exchanges: [cacheExchange, ...exchanges, fetchExchange],
    fetchOptions: token ? { headers: { authorization: `Bearer ${token}` } } : {},
    fetch: (url, init) => {
      sent.push({ url: new URL(url), method: init.method });
      return fetch(url, init);
    },
    ...options,
  });
  return { client, sent };
}

const STOCKS = gql`{ stocks { nodes { id symbol tracked } } }`;
const UNTRACK = gql`mutation ($symbol: Symbol!) {
  untrackStock(input: { symbol: $symbol }) { stock { id tracked } }
}`;
const PRICES = gql`subscription ($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price cursor }
}`;

/** The first results of a subscription. */
async function listen(client, count, query, variables) {
  const results = [];
  const { unsubscribe } = client.subscription(query, variables).subscribe((it) => results.push(it));
  await until(() => results.length >= count);
  unsubscribe();
  return results.slice(0, count);
}

test('queries go by GET', limit, async () => {
  const { client, sent } = connect();
  const { data, error } = await client.query(STOCKS, {});
  assert.equal(error, undefined);
  assert.deepEqual(data.stocks.nodes.map((it) => it.symbol), ['AAPL', 'GOOG', 'IBM', 'MSFT']);
  assert.deepEqual(sent.map((it) => it.method), ['GET']);
});

test('a long query goes by POST', limit, async () => {
  const { client, sent } = connect();
  const { data } = await client.query(gql`query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`, {
    ids: Array(100).fill('x'.repeat(30)),
  });
  assert.deepEqual(data.nodes, Array(100).fill(null));
  assert.deepEqual(sent.map((it) => it.method), ['POST']);
});

test('errors are errors of GraphQL, not of the network', limit, async () => {
  const { client } = connect();
  for (const [query, code] of [
    [gql`{ colour }`, 'GRAPHQL_VALIDATION_FAILED'],
    [gql`{ history(symbol: "NONE") { nodes { price } } }`, 'NOT_FOUND'],
    [gql`{ stock(symbol: "not a symbol") { id } }`, 'BAD_USER_INPUT'],
  ]) {
    const { error } = await client.query(query, {});
    assert.equal(error.networkError, undefined);
    assert.deepEqual(error.graphQLErrors.map((it) => it.extensions.code), [code]);
  }
});

test('a mutation goes by POST and repeats the queries of what it changes', limit, async () => {
  const { client, sent } = connect({ token: api.token });
  const seen = [];
  const watching = client.query(STOCKS, {}).subscribe(({ data }) => seen.push(data.stocks.nodes.length));
  await until(() => seen.length === 1);
  const { error } = await client.mutation(UNTRACK, { symbol: 'GOOG' });
  assert.equal(error, undefined);
  await until(() => seen.at(-1) === 3);
  watching.unsubscribe();
  assert.deepEqual(sent.map((it) => it.method), ['GET', 'POST', 'GET']);
});

test('a wrong token is an error of GraphQL, with status 401', limit, async () => {
  const { error } = await connect({ token: 'wrong' }).client.query(STOCKS, {});
  assert.equal(error.response.status, 401);
  assert.equal(error.graphQLErrors[0].extensions.code, 'UNAUTHENTICATED');
});

test('subscriptions over WebSocket', limit, async (t) => {
  const socket = createSocket({ url: api.graphql, webSocketImpl: WebSocket, retryAttempts: 0 });
  t.after(() => socket.dispose());
  const { client, sent } = connect({
    exchanges: [subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    })],
  });
  const received = await listen(client, 4, PRICES, { symbols: ['IBM'] });
  assert.deepEqual(received.map((it) => it.error), Array(4).fill(undefined));
  assert.equal(new Set(received.map((it) => it.data.priceUpdates.cursor)).size, 4);
  const [{ error }] = await listen(client, 1, PRICES, { symbols: ['NONE'] });
  assert.equal(error.graphQLErrors[0].extensions.code, 'NOT_FOUND');
  assert.equal(sent.length, 0);
});

test('subscriptions over Server-Sent Events', limit, async () => {
  const { client, sent } = connect({ fetchSubscriptions: true });
  const received = await listen(client, 4, PRICES, { symbols: ['IBM'] });
  assert.deepEqual(received.map((it) => it.error), Array(4).fill(undefined));
  const cursors = received.map((it) => it.data.priceUpdates.cursor);
  assert.equal(new Set(cursors).size, 4);
  const resumed = await listen(client, 3, PRICES, { symbols: ['IBM'], after: cursors[0] });
  assert.deepEqual(resumed.map((it) => it.data.priceUpdates.cursor), cursors.slice(1));
  const [{ error }] = await listen(client, 1, PRICES, { symbols: ['NONE'] });
  assert.equal(error.graphQLErrors[0].extensions.code, 'NOT_FOUND');
  assert.equal(sent.length, 3);
});

test('queries are persisted by their hashes', limit, async () => {
  const query = gql`query Persisted { stocks(search: "app") { nodes { symbol } } }`;
  // Whether the text is sent: once, if it was not sent before.
  for (const texts of [[false, true], [false]]) {
    const { client, sent } = connect({
      exchanges: [persistedExchange({ preferGetForPersistedQueries: true })],
    });
    const { data, error } = await client.query(query, {});
    assert.equal(error, undefined);
    assert.deepEqual(data.stocks.nodes.map((it) => it.symbol), ['AAPL']);
    assert.deepEqual(sent.map((it) => it.method), texts.map(() => 'GET'));
    assert.deepEqual(sent.map((it) => it.url.searchParams.has('query')), texts);
  }
});
