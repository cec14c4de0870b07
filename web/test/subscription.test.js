// Subscriptions, with npm's graphql-ws.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { limit, start } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

/** The first `count` results of a subscription, over a connection of its own. */
async function take(count, query, variables) {
  const client = createClient({ url: api.graphql, webSocketImpl: WebSocket, retryAttempts: 0 });
  const results = [];
  for await (const result of client.iterate({ query, variables })) {
    assert.equal(result.errors, undefined);
    if (results.push(result) === count) break;
  }
  await client.dispose();
  return results;
}

const PRICES = `subscription ($symbols: [Symbol!], $after: Cursor, $mode: DeliveryMode) {
  priceUpdates(symbols: $symbols, after: $after, mode: $mode) { symbol price tradingDay cursor }
}`;
const ALERTS = `subscription ($after: Cursor) {
  alerts(after: $after) { id symbol message threshold changePercent cursor }
}`;

test('prices begin with what is known and go on with what happens', limit, async () => {
  const results = await take(6, PRICES, { symbols: ['AAPL', 'IBM'], mode: 'ALL' });
  const snapshots = results.map((it) => it.extensions?.delivery?.snapshot === true);
  assert.deepEqual(snapshots, [true, true, false, false, false, false]);
  const symbols = results.map((it) => it.data.priceUpdates.symbol);
  assert.deepEqual(symbols.sort(), ['AAPL', 'AAPL', 'AAPL', 'IBM', 'IBM', 'IBM']);
});

test('prices go on after a cursor, without a gap or a repeat', limit, async () => {
  const symbols = ['MSFT'];
  const [first] = await take(1, PRICES, { symbols });
  const { cursor } = first.data.priceUpdates;
  const resumed = await take(10, PRICES, { symbols, after: cursor, mode: 'ALL' });
  assert.ok(resumed.every((it) => it.extensions?.delivery === undefined));
  const received = resumed.map((it) => it.data.priceUpdates);
  assert.deepEqual(received, await pricesBetween(api, 'MSFT', cursor, received.at(-1).cursor));
});

test('alerts arrive, and go on after a cursor', limit, async () => {
  const live = (await take(3, ALERTS)).map((it) => it.data.alerts);
  for (const alert of live) {
    assert.ok(alert.message.startsWith(alert.symbol));
    assert.ok(Math.abs(alert.changePercent) >= Number(alert.threshold), alert.message);
  }
  const resumed = await take(2, ALERTS, { after: live[0].cursor });
  assert.deepEqual(resumed.map((it) => it.data.alerts), live.slice(1));
});

test('a cursor that is none is refused before the first event', limit, async () => {
  const refused = take(1, PRICES, { after: 'nonsense' });
  await assert.rejects(refused, (errors) => {
    assert.equal(errors[0].extensions.code, 'BAD_USER_INPUT');
    assert.equal(errors[0].extensions.reason, 'CURSOR_EXPIRED');
    return true;
  });
});
