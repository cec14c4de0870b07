// graphql-ws over connections that end: a drained server, an idle client, many operations on one socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { limit, start, until } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

let api;
before(async () => (api = await start({ SHUTDOWN_GRACE: '3s' })), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const PRICES = `subscription ($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price tradingDay cursor }
}`;

/** A client whose sockets are counted as they open and close. */
function connect(t, options) {
  const opened = [];
  const closed = [];
  const client = createClient({
    url: api.graphql,
    webSocketImpl: WebSocket,
    on: {
      opened: (socket) => opened.push(socket),
      closed: ({ code }) => closed.push(code),
    },
    ...options,
  });
  t.after(() => client.dispose());
  return { client, opened, closed };
}

/** Subscribes to prices. A new connection resumes after the last cursor. */
function follow(client, symbol) {
  const variables = { symbols: [symbol] };
  const received = [];
  const errors = [];
  const unsubscribe = client.subscribe({ query: PRICES, variables }, {
    next({ data: { priceUpdates: price } }) {
      received.push(price);
      variables.after = price.cursor;
    },
    error: (error) => errors.push(error),
    complete() {},
  });
  return { received, errors, unsubscribe };
}

test('a client resumes when the server restarts', limit, async (t) => {
  const { client, opened, closed } = connect(t, {
    retryAttempts: 50,
    retryWait: () => new Promise((later) => setTimeout(later, 100)),
    // Until the server listens again, connections are refused.
    shouldRetry: () => true,
  });
  const prices = ['AAPL', 'IBM'].map((symbol) => follow(client, symbol));
  await until(() => prices.every(({ received }) => received.length >= 5));
  assert.equal(await api.restart(), 0);
  const before = prices.map(({ received }) => received.length);
  await until(() => prices.every(({ received }, at) => received.length >= before[at] + 5));
  for (const [at, symbol] of ['AAPL', 'IBM'].entries()) {
    const { received, errors } = prices[at];
    prices[at].unsubscribe();
    assert.deepEqual(errors, []);
    const [first] = received;
    // The first is the snapshot; what follows it is all that is stored, once and in order.
    assert.deepEqual(received.slice(1), await pricesBetween(api, symbol, first.cursor, received.at(-1).cursor));
  }
  assert.equal(closed[0], 1001);
  assert.ok(opened.length >= 2);
});

test('a lazy client opens a socket when it is needed and closes it afterwards', limit, async (t) => {
  const { client, opened, closed } = connect(t, { lazy: true });
  assert.equal(opened.length, 0);
  const { received, unsubscribe } = follow(client, 'IBM');
  await until(() => received.length >= 2);
  unsubscribe();
  await until(() => closed.length === 1);
  assert.deepEqual([opened.length, closed], [1, [1000]]);
});

test('an eager client stays connected with its own pings', limit, async (t) => {
  const pongs = [];
  const { client, opened, closed } = connect(t, { lazy: false, keepAlive: 50 });
  client.on('pong', (isReceived) => isReceived && pongs.push(true));
  await until(() => pongs.length >= 3);
  assert.deepEqual([opened.length, closed.length], [1, 0]);
});

test('one socket carries queries, mutations and subscriptions', limit, async (t) => {
  const { client, opened } = connect(t, {
    connectionParams: { authorization: `Bearer ${api.token}` },
  });
  const follows = ['AAPL', 'GOOG', 'IBM', 'MSFT'].map((symbol) => follow(client, symbol));
  const ask = async (query) => {
    for await (const { data, errors } of client.iterate({ query })) {
      assert.equal(errors, undefined);
      return data;
    }
  };
  const change = (field) => ask(`mutation { ${field}(input: { symbol: "MSFT" }) { stock { tracked } } }`);
  assert.equal((await change('untrackStock')).untrackStock.stock.tracked, false);
  assert.equal((await change('trackStock')).trackStock.stock.tracked, true);
  assert.equal((await ask('{ stocks { totalCount } }')).stocks.totalCount, 4);
  await until(() => follows.every(({ received }) => received.length >= 3));
  // The others continue when one ends.
  follows[0].unsubscribe();
  const seen = follows.map(({ received }) => received.length);
  await until(() => follows.slice(1).every(({ received }, at) => received.length >= seen[at + 1] + 3));
  assert.equal(follows[0].received.length, seen[0]);
  assert.equal(opened.length, 1);
});

test('a wrong token closes for good', limit, async (t) => {
  const { client } = connect(t, {
    connectionParams: { authorization: 'Bearer wrong' },
    retryAttempts: 0,
  });
  const { errors } = follow(client, 'IBM');
  await until(() => errors.length);
  assert.equal(errors[0].code, 4403);
});
