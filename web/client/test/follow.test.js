// The client and the real `api`: what it delivers is compared with what is stored.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { connect } from '../dist/index.js';
import { limit, start, until } from '../../support/program.js';
import { ask, pricesBetween } from '../../support/query.js';

let api;
before(async () => (api = await start({ SHUTDOWN_GRACE: '3s' })), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const PRICES = `subscription ($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price tradingDay cursor }
}`;

/** A connection that is closed at the end of the test. */
function open(t, options = {}) {
  const connection = connect({ url: api.graphql, webSocketImpl: WebSocket, retryWait: () => 100, ...options });
  t.after(() => connection.close());
  return connection;
}

/** Follows a symbol, and collects what arrives. */
function collect(connection, symbol, options = {}) {
  const seen = { prices: [], deliveries: [], expired: [], errors: [] };
  seen.following = connection.follow({
    query: PRICES,
    variables: { symbols: [symbol] },
    next(price, delivery) {
      seen.prices.push(price);
      seen.deliveries.push(delivery);
    },
    expired: (cursor) => seen.expired.push(cursor),
    error: (error) => seen.errors.push(error),
    ...options,
  });
  return seen;
}

/** Every price that is stored after the first one that arrived, up to the last one. */
const stored = (symbol, prices) => pricesBetween(api, symbol, prices[0].cursor, prices.at(-1).cursor);

/** A way to the server that can be cut, or stop to carry anything. */
async function startCable(t) {
  const { port, hostname } = new URL(api.graphql);
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connectTcp(port, hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        sockets.delete(socket);
      });
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => sockets.forEach((socket) => socket.destroy());
  t.after(() => {
    cut();
    server.close();
  });
  return {
    url: `ws://127.0.0.1:${server.address().port}/graphql`,
    cut,
    freeze: () => sockets.forEach((socket) => socket.unpipe()),
  };
}

test('a subscription begins with the latest price, which is a snapshot', limit, async (t) => {
  const seen = collect(open(t), 'IBM');
  await until(() => seen.prices.length >= 3);
  assert.deepEqual(seen.deliveries.slice(0, 2), [{ snapshot: true, missed: 0 }, { snapshot: false, missed: 0 }]);
  assert.equal(seen.following.cursor, seen.prices.at(-1).cursor);
});

test('a subscription that begins after a cursor has every later price and no snapshot', limit, async (t) => {
  const { history } = await ask(api, '{ history(symbol: "IBM", first: 5) { nodes { cursor } } }');
  const cursor = history.nodes.at(-1).cursor;
  const seen = collect(open(t), 'IBM', { after: cursor });
  await until(() => seen.prices.length >= 6);
  assert.ok(seen.deliveries.every(({ snapshot }) => !snapshot));
  assert.deepEqual(seen.prices, await pricesBetween(api, 'IBM', cursor, seen.prices.at(-1).cursor));
});

test('no price is missing or doubled after connections that are cut', limit, async (t) => {
  const cable = await startCable(t);
  const connection = open(t, { url: cable.url });
  const all = ['AAPL', 'IBM'].map((symbol) => [symbol, collect(connection, symbol)]);
  for (let cuts = 0; cuts < 5; cuts += 1) {
    const before = all.map(([, { prices }]) => prices.length);
    await until(() => all.every(([, { prices }], at) => prices.length >= before[at] + 2));
    cable.cut();
  }
  const before = all.map(([, { prices }]) => prices.length);
  await until(() => all.every(([, { prices }], at) => prices.length >= before[at] + 2));
  for (const [symbol, { following, prices, errors, expired }] of all) {
    following.stop();
    assert.deepEqual([errors, expired], [[], []]);
    assert.deepEqual(prices.slice(1), await stored(symbol, prices));
  }
});

test('a subscription resumes when the server restarts', limit, async (t) => {
  const connection = open(t);
  const states = [];
  connection.onState(({ status }) => states.push(status));
  const seen = collect(connection, 'AAPL');
  await until(() => seen.prices.length >= 3);
  assert.equal(await api.restart(), 0);
  const before = seen.prices.length;
  await until(() => seen.prices.length >= before + 3);
  seen.following.stop();
  assert.deepEqual(seen.prices.slice(1), await stored('AAPL', seen.prices));
  assert.deepEqual(states, ['connecting', 'live', 'reconnecting', 'live']);
});

test('a server that does not answer is noticed, and is offline after a while', limit, async (t) => {
  const cable = await startCable(t);
  const connection = open(t, {
    url: cable.url,
    // Long enough for a busy machine to answer while the way is open.
    pingInterval: 100,
    pingTimeout: 2_000,
    offlineAfter: 3_000,
    // The test decides when it is tried again.
    retryWait: () => 3_600_000,
  });
  const states = [];
  connection.onState((state) => states.push(state));
  await until(() => connection.state.status === 'live');
  cable.freeze();
  await until(() => connection.state.status === 'offline');
  const statuses = states.map(({ status }) => status);
  assert.deepEqual(statuses, ['connecting', 'live', 'reconnecting', 'offline']);
  // The time of the loss, not of the change to `offline`.
  assert.equal(states[3].since, states[2].since);
});

test('a cursor of another database has expired, and the subscription starts again', limit, async (t) => {
  const other = await start();
  t.after(() => other.stop());
  const { status } = await ask(other, '{ status { feed { position } } }');
  const foreign = status.feed.position;
  const seen = collect(open(t), 'IBM', { after: foreign });
  await until(() => seen.prices.length >= 3);
  assert.deepEqual(seen.expired, [foreign]);
  assert.deepEqual(seen.errors, []);
  assert.equal(seen.deliveries[0].snapshot, true);
  seen.following.stop();
  assert.deepEqual(seen.prices.slice(1), await stored('IBM', seen.prices));
});

test('what the server refuses is reported once', limit, async (t) => {
  const connection = open(t);
  const never = collect(connection, 'NEVER');
  await until(() => never.errors.length > 0);
  const [{ name, code, ended, message }] = never.errors;
  assert.deepEqual([name, code, ended], ['SubscriptionError', 'NOT_FOUND', true]);
  assert.match(message, /NEVER/);
  // The connection carries the others.
  const seen = collect(connection, 'IBM');
  await until(() => seen.prices.length >= 2);
  // It has ended, also on another connection.
  connection.reconnect();
  const before = seen.prices.length;
  await until(() => seen.prices.length >= before + 2);
  assert.equal(never.errors.length, 1);
});

test('one WebSocket carries all subscriptions, and closes with the connection', limit, async (t) => {
  const opened = [];
  class Counted extends WebSocket {
    constructor(...given) {
      super(...given);
      opened.push(this);
    }
  }
  const connection = open(t, { webSocketImpl: Counted });
  const all = ['AAPL', 'GOOG', 'IBM', 'MSFT'].map((symbol) => collect(connection, symbol));
  await until(() => all.every(({ prices }) => prices.length >= 2));
  assert.equal(opened.length, 1);
  connection.close();
  await until(() => opened[0].readyState === WebSocket.CLOSED);
  const before = all.map(({ prices }) => prices.length);
  // Prices go on elsewhere, and none arrives here.
  const elsewhere = collect(open(t), 'IBM');
  await until(() => elsewhere.prices.length >= 3);
  assert.deepEqual(all.map(({ prices }) => prices.length), before);
});

test('a subscription that was stopped gets nothing', limit, async (t) => {
  const connection = open(t);
  const [stopped, kept] = [collect(connection, 'AAPL'), collect(connection, 'IBM')];
  await until(() => stopped.prices.length >= 2);
  stopped.following.stop();
  const before = stopped.prices.length;
  const others = kept.prices.length;
  await until(() => kept.prices.length >= others + 3);
  assert.equal(stopped.prices.length, before);
});
