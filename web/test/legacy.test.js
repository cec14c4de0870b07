// The legacy protocol, with the client that gave it its name: subscriptions-transport-ws.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import WebSocket from 'ws';
import { limit, start, until } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

let api;
before(async () => (api = await start({ SHUTDOWN_GRACE: '3s' })), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

function connect(t, options) {
  const client = new SubscriptionClient(api.graphql, options, WebSocket);
  t.after(() => client.close());
  return client;
}

/** Collects the results of an operation until `unsubscribe` is called. */
function listen(client, query, variables, onResult = () => {}) {
  const results = [];
  const errors = [];
  const state = { complete: false };
  const { unsubscribe } = client.request({ query, variables }).subscribe({
    next(result) {
      results.push(result);
      onResult(result);
    },
    error: (error) => errors.push(error),
    complete: () => (state.complete = true),
  });
  return { results, errors, state, unsubscribe };
}

const PRICES = `subscription ($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price tradingDay cursor }
}`;

test('a query returns one result', limit, async (t) => {
  const { results, state } = listen(connect(t), '{ stocks { nodes { symbol } } }');
  await until(() => state.complete);
  const symbols = results.map(({ data }) => data.stocks.nodes.map((it) => it.symbol));
  assert.deepEqual(symbols, [['AAPL', 'GOOG', 'IBM', 'MSFT']]);
});

test('prices arrive until the client unsubscribes', limit, async (t) => {
  const client = connect(t);
  const ended = listen(client, PRICES, { symbols: ['IBM'] });
  const running = listen(client, PRICES, { symbols: ['AAPL'] });
  await until(() => ended.results.length >= 3 && running.results.length >= 3);
  ended.unsubscribe();
  const seen = [ended.results.length, running.results.length];
  await until(() => running.results.length >= seen[1] + 3);
  assert.equal(ended.results.length, seen[0]);
  const [first, ...rest] = running.results.map(({ data }) => data.priceUpdates);
  assert.deepEqual(rest, await pricesBetween(api, 'AAPL', first.cursor, rest.at(-1).cursor));
});

test('a refused operation is an error, and the connection lives', limit, async (t) => {
  const client = connect(t);
  const refused = listen(client, PRICES, { symbols: ['NONE'] });
  await until(() => refused.errors.length);
  assert.equal(refused.errors[0].extensions.code, 'NOT_FOUND');
  const { results } = listen(client, PRICES, { symbols: ['IBM'] });
  await until(() => results.length);
});

test('a wrong token is a connection error', limit, async (t) => {
  const refusals = [];
  const client = connect(t, {
    connectionParams: { authorization: 'Bearer wrong' },
    connectionCallback: (error) => refusals.push(error),
  });
  const ended = [];
  client.onDisconnected(() => ended.push(true));
  await until(() => refusals.length && ended.length);
  assert.equal(refusals[0].message, 'the token is wrong');
});

test('the admin token permits a mutation', limit, async (t) => {
  const client = connect(t, { connectionParams: { authorization: `Bearer ${api.token}` } });
  const { results, state } = listen(client, `mutation {
    trackStock(input: { symbol: "IBM" }) { stock { tracked } }
  }`);
  await until(() => state.complete);
  assert.equal(results[0].data.trackStock.stock.tracked, true);
});

test('a client reconnects when the server restarts', limit, async (t) => {
  const client = connect(t, { reconnect: true });
  const reconnected = [];
  client.onReconnected(() => reconnected.push(true));
  // The client sends the same object again, with the cursor that it has by then.
  const variables = { symbols: ['MSFT'] };
  const { results, errors } = listen(client, PRICES, variables, (result) => {
    variables.after = result.data.priceUpdates.cursor;
  });
  await until(() => results.length >= 5);
  assert.equal(await api.restart(), 0);
  const before = results.length;
  await until(() => results.length >= before + 5);
  assert.deepEqual(errors, []);
  assert.ok(reconnected.length >= 1);
  const [first, ...rest] = results.map(({ data }) => data.priceUpdates);
  assert.deepEqual(rest, await pricesBetween(api, 'MSFT', first.cursor, rest.at(-1).cursor));
});
