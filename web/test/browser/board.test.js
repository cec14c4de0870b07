// The board: prices move, and sorting, filtering and tracking work.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, address, becomes, button, connection, dialog, enterToken, heading, limit, openConsole, rowOf, table,
  WHILE_AWAY,
} from '../../support/console.js';
import { changes, start } from '../../support/program.js';
import { ask } from '../../support/query.js';
import { startStill } from '../../support/sample.js';

let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ ADMIN_TOKEN, REPLAY_SPEED: '2' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

const symbols = (page) => table(page, 'Stocks').getByRole('rowheader').getByRole('link').allTextContents();
const priceOf = (page, symbol) => rowOf(page, 'Stocks', symbol).getByRole('cell').nth(1);

/** Waits until a row shows another price than now. */
async function moves(page, symbol) {
  const price = priceOf(page, symbol);
  await changes(() => price.textContent(), await price.textContent());
}

test('prices move, over one WebSocket with one subscription for all of them', limit, async (t) => {
  const { page, sockets } = await openConsole(t, browser, api, null);
  const sent = [];
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(JSON.parse(payload))));
  await page.goto(address(api, '/'));
  await heading(page, 'Stocks').waitFor();
  await becomes(page, 'Live');
  for (const symbol of ['AAPL', 'GOOG', 'IBM', 'MSFT']) await moves(page, symbol);
  assert.equal(sockets.length, 1);
  const follows = sent.filter(({ type, payload }) => type === 'subscribe' && payload.query.includes('priceUpdates'));
  assert.equal(follows.length, 1);
  assert.match(await page.title(), /Stocks.* · Stock Tracker$/);
});

test('a row shows what the API has', limit, async (t) => {
  const still = await startStill();
  t.after(async () => assert.equal(await still.stop(), 0));
  const { page } = await openConsole(t, browser, still, '/', { expected: WHILE_AWAY });
  const latest = '{ stock(symbol: "IBM") { latestPrice { price change changePercent volume tradingDay } } }';
  await page.waitForFunction(() => document.querySelector('[role=note]')?.textContent.includes('2013-'));
  const { stock } = await ask(still, latest);
  await rowOf(page, 'Stocks', 'IBM').filter({ hasText: stock.latestPrice.price }).waitFor();
  const text = (await rowOf(page, 'Stocks', 'IBM').textContent()).replaceAll('−', '-');
  const { change } = stock.latestPrice;
  assert.ok(text.includes(change.startsWith('-') ? `▼ ${change}` : `▲ +${change}`), text);
  assert.match(await page.getByRole('note', { name: 'Notice' }).textContent(), /Replay of historical prices/);
});

test('the order and the filter are in the address', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/?sort=price&dir=desc');
  await table(page, 'Stocks').waitFor();
  const column = (name) => page.getByRole('columnheader', { name, exact: true });
  assert.equal(await column('Price').getAttribute('aria-sort'), 'descending');
  await column('Symbol').getByRole('button').click();
  await page.waitForURL((url) => !url.searchParams.has('sort'));
  assert.equal(await column('Symbol').getAttribute('aria-sort'), 'ascending');
  assert.equal(await column('Price').getAttribute('aria-sort'), null);
  assert.deepEqual(await symbols(page), ['AAPL', 'GOOG', 'IBM', 'MSFT']);
  await column('Symbol').getByRole('button').click();
  await page.waitForURL(/sort=symbol&dir=desc/);
  assert.deepEqual(await symbols(page), ['MSFT', 'IBM', 'GOOG', 'AAPL']);

  const filter = page.getByRole('searchbox', { name: 'Filter stocks' });
  await filter.fill('goo');
  await page.waitForURL(/q=goo/);
  await rowOf(page, 'Stocks', 'MSFT').waitFor({ state: 'detached' });
  assert.deepEqual(await symbols(page), ['GOOG']);
  await page.reload();
  await rowOf(page, 'Stocks', 'GOOG').waitFor();
  assert.deepEqual(await symbols(page), ['GOOG']);
  await filter.fill('xyz');
  await page.getByText('No stock matches “xyz”').waitFor();
});

test('a filter without a match works in an order that prices change', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/?sort=price&q=xyz');
  await page.getByText('No stock matches “xyz”').waitFor();
  await page.getByRole('searchbox', { name: 'Filter stocks' }).fill('');
  await rowOf(page, 'Stocks', 'MSFT').waitFor();
  await moves(page, 'MSFT');
});

test('a stock is tracked and untracked, after signing in once', limit, async (t) => {
  const { page } = await openConsole(t, browser, api);
  await button(page, 'More about MSFT').click();
  await page.getByRole('menuitem', { name: 'Untrack', exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Untrack', exact: true }).click();
  // Asked for when it is needed; then the action continues.
  await enterToken(page, ADMIN_TOKEN);
  await rowOf(page, 'Stocks', 'MSFT').waitFor({ state: 'detached' });
  await button(page, 'Track a stock').click();
  const tracking = dialog(page, 'Track a stock');
  await tracking.getByRole('combobox', { name: 'Symbol or name' }).fill('msft');
  await tracking.getByRole('button', { name: 'Track', exact: true }).click();
  await rowOf(page, 'Stocks', 'MSFT').waitFor();
  await moves(page, 'MSFT');
});

test('an outage is shown within seconds, and ends by itself', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/', { expected: WHILE_AWAY });
  await becomes(page, 'Live');
  await moves(page, 'IBM');
  await api.kill();
  await becomes(page, 'Reconnecting…');
  // Each row shows the age of its price.
  await rowOf(page, 'Stocks', 'IBM').getByText(/ old$/).waitFor();
  await becomes(page, /^Offline since \d\d:\d\d:\d\d$/);
  await api.startAgain();
  await becomes(page, 'Live');
  await moves(page, 'IBM');
  assert.equal(await rowOf(page, 'Stocks', 'IBM').getByText(/ old$/).count(), 0);
  assert.notEqual(await connection(page).textContent(), '');
});
