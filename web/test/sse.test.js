// Server-Sent Events, with npm's graphql-sse in its mode of distinct connections.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-sse';
import { limit, start, until } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

let api;
before(async () => (api = await start({ SHUTDOWN_GRACE: '3s' })), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const PRICES = `subscription ($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after, mode: ALL) { symbol price tradingDay cursor }
}`;

function connect(t, options) {
  const client = createClient({ url: api.graphql, ...options });
  t.after(() => client.dispose());
  return client;
}

test('a query returns one result', limit, async (t) => {
  const results = [];
  for await (const { data } of connect(t).iterate({ query: '{ stocks { totalCount } }' })) results.push(data);
  assert.deepEqual(results, [{ stocks: { totalCount: 4 } }]);
});

test('prices arrive in order', limit, async (t) => {
  const received = [];
  for await (const { data } of connect(t).iterate({ query: PRICES, variables: { symbols: ['IBM'] } })) {
    if (received.push(data.priceUpdates) === 6) break;
  }
  const [first, ...rest] = received;
  assert.deepEqual(rest, await pricesBetween(api, 'IBM', first.cursor, rest.at(-1).cursor));
});

test('a refused operation is the only event', limit, async (t) => {
  const results = [];
  const variables = { symbols: ['NONE'] };
  for await (const { errors } of connect(t).iterate({ query: PRICES, variables })) {
    results.push(errors[0].extensions.code);
  }
  assert.deepEqual(results, ['NOT_FOUND']);
});

test('a wrong token ends the attempt', limit, async (t) => {
  const client = connect(t, { headers: { authorization: 'Bearer wrong' }, retryAttempts: 0 });
  await assert.rejects(async () => {
    for await (const result of client.iterate({ query: PRICES })) assert.fail(JSON.stringify(result));
  }, (error) => error.response.status === 401);
});

test('a client resumes when the server restarts', limit, async (t) => {
  const connections = [];
  const client = connect(t, {
    retryAttempts: 50,
    retry: () => new Promise((later) => setTimeout(later, 100)),
    onMessage: ({ event }) => event === 'complete' && assert.fail('the server completed it'),
    fetchFn: (...request) => {
      connections.push(request);
      return fetch(...request);
    },
  });
  const variables = { symbols: ['MSFT'] };
  const received = [];
  const errors = [];
  client.subscribe({ query: PRICES, variables }, {
    next({ data: { priceUpdates: price } }) {
      received.push(price);
      variables.after = price.cursor;
    },
    error: (error) => errors.push(error),
    complete: () => errors.push(new Error('it completed')),
  });
  await until(() => received.length >= 5);
  assert.equal(await api.restart(), 0);
  const before = received.length;
  await until(() => received.length >= before + 5 || errors.length);
  assert.deepEqual(errors, []);
  assert.ok(connections.length >= 2);
  const [first, ...rest] = received;
  assert.deepEqual(rest, await pricesBetween(api, 'MSFT', first.cursor, rest.at(-1).cursor));
});
