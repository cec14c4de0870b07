// The six REST calls, with nothing but fetch.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { limit, start, until } from '../support/program.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

async function get(path) {
  const response = await fetch(api.rest + path);
  assert.equal(response.status, 200, path);
  assert.match(response.headers.get('content-type'), /^application\/json\b/);
  return response.json();
}

/** A list, once it has something. */
const some = (path) => until(async () => ((it) => it.length && it)(await get(path)));

const exact = /^-?\d+(\.\d{1,8})?$/;
const number = (value) => assert.match(JSON.stringify(value), exact);
const newestFirst = (list, key) =>
  assert.deepEqual(list, [...list].sort((a, b) => b[key].localeCompare(a[key])));

test('stocks', limit, async () => {
  const stocks = await until(async () => {
    const stocks = await get('/stocks');
    return stocks.every((stock) => stock.change !== null) && stocks;
  });
  assert.deepEqual(stocks.map((stock) => stock.symbol), ['AAPL', 'GOOG', 'IBM', 'MSFT']);
  for (const stock of stocks) {
    for (const key of ['current_price', 'previous_close', 'change', 'change_percent', 'volume']) {
      number(stock[key]);
    }
    assert.equal(stock.change.toFixed(8), (stock.current_price - stock.previous_close).toFixed(8));
    assert.ok(Date.parse(stock.last_updated));
  }
});

test('one stock, in any case', limit, async () => {
  const stock = await get('/stocks/aapl');
  assert.equal(stock.symbol, 'AAPL');
  assert.equal(stock.name, 'Apple Inc.');
  assert.equal(stock.currency, 'USD');
});

test('its history', limit, async () => {
  const prices = await until(async () => {
    const prices = await get('/stocks/AAPL/history?limit=3');
    return prices.length === 3 && prices;
  });
  newestFirst(prices, 'recorded_at');
  newestFirst(prices, 'trading_day');
  for (const price of prices) {
    assert.equal(price.symbol, 'AAPL');
    assert.equal(price.provider, 'replay');
    number(price.price);
  }
});

test('its alerts', limit, async () => {
  const alerts = await some('/stocks/AAPL/alerts?limit=10');
  newestFirst(alerts, 'triggered_at');
  for (const alert of alerts) {
    assert.equal(alert.symbol, 'AAPL');
    assert.equal(alert.kind, 'PERCENT_CHANGE');
    assert.ok(Math.abs(alert.change_percent) >= alert.threshold, alert.message);
  }
});

test('all alerts', limit, async () => {
  const alerts = await some('/alerts?limit=50');
  newestFirst(alerts, 'triggered_at');
  assert.equal(new Set(alerts.map((alert) => alert.id)).size, alerts.length);
});

test('health', limit, async () => {
  const { status, checks } = await until(async () => {
    const health = await get('/health');
    return health.status === 'ok' && health;
  });
  assert.equal(status, 'ok');
  assert.equal(checks.database, 'ok');
});

test('a fault is a problem document', limit, async () => {
  const response = await fetch(`${api.rest}/stocks/NONE`);
  assert.equal(response.status, 404);
  assert.match(response.headers.get('content-type'), /^application\/problem\+json\b/);
  assert.equal((await response.json()).status, 404);
});
