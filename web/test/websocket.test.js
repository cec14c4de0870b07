// The plain WebSocket, with npm's ws, in the words of a page that only has `onmessage`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { limit, start } from '../support/program.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

/** Collects payloads by type until `enough` of them are there. */
function listen(enough) {
  const seen = { stock_update: [], alert: [] };
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(api.websocket);
    ws.onerror = (event) => reject(event.error);
    ws.onmessage = (event) => {
      const { type, payload } = JSON.parse(event.data);
      if (!seen[type]) reject(new Error(`a frame of unknown type ${type}`));
      seen[type].push(payload);
      if (enough(seen)) {
        ws.close();
        resolve(seen);
      }
    };
  });
}

test('prices and alerts arrive', limit, async () => {
  const seen = await listen((it) => it.stock_update.length >= 8 && it.alert.length >= 2);
  for (const stock of seen.stock_update) {
    assert.equal(typeof stock.symbol, 'string');
    assert.equal(typeof stock.current_price, 'number');
  }
  for (const alert of seen.alert) {
    assert.ok(alert.message.startsWith(alert.symbol));
    const price = seen.stock_update.find(
      (it) => it.symbol === alert.symbol && it.last_updated === alert.triggered_at,
    );
    assert.equal(price?.current_price, alert.price, 'an alert follows the price that caused it');
  }
});

test('an alert in a frame is the alert that REST returns', limit, async () => {
  const { alert: [alert] } = await listen((it) => it.alert.length >= 1);
  const listed = await (await fetch(`${api.rest}/alerts?limit=1000`)).json();
  assert.deepEqual(listed.find((it) => it.id === alert.id), alert);
});

/** Frames of a socket opened with these parameters, until `enough`. */
function frames(parameters, enough) {
  const seen = [];
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`${api.websocket}?${new URLSearchParams(parameters)}`);
    ws.onerror = (event) => reject(event.error);
    ws.onmessage = (event) => {
      if (enough(seen)) return;
      seen.push(JSON.parse(event.data));
      if (enough(seen)) {
        ws.close();
        resolve(seen);
      }
    };
  });
}

test('a client that is cut off after each event resumes with the next', limit, async () => {
  const symbols = 'aapl,IBM';
  const [first] = await frames({ symbols }, (seen) => seen.length === 1);
  const received = [];
  for (let after = first.cursor; received.length < 40; after = received.at(-1).cursor) {
    received.push(...await frames({ symbols, after }, (seen) => seen.length === 1));
  }
  // A client that is not cut off receives the same.
  assert.deepEqual(await frames({ symbols, after: first.cursor }, (seen) => seen.length === received.length), received);
  for (const { payload } of received) assert.ok(['AAPL', 'IBM'].includes(payload.symbol));
  assert.ok(received.some(({ type }) => type === 'alert'));
});

test('a page learns by fetch why its cursor is refused', limit, async () => {
  const url = new URL(`/ws?${new URLSearchParams({ after: 'of-elsewhere' })}`, api.graphql);
  const ws = new WebSocket(url.href.replace('http', 'ws'));
  await new Promise((resolve) => (ws.onerror = resolve));
  const response = await fetch(url);
  assert.equal(response.status, 400);
  const { detail, reason } = await response.json();
  assert.match(detail, /^after: /);
  assert.equal(reason, 'CURSOR_EXPIRED');
});

test('a page of another website is refused', limit, async () => {
  const ws = new WebSocket(api.websocket, { origin: 'https://elsewhere.example' });
  const status = await new Promise((resolve, reject) => {
    ws.on('open', () => reject(new Error('it was let in')));
    ws.on('error', () => {});
    ws.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode);
    });
  });
  assert.equal(status, 403);
});
