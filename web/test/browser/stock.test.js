// The page of one stock: its history is complete after an outage, and its chart can be read without seeing it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, address, becomes, button, cellsOf, dialog, enterToken, heading, limit, openConsole, table, WHILE_AWAY,
} from '../../support/console.js';
import { changes, start, until } from '../../support/program.js';
import { ask } from '../../support/query.js';
import { startStill } from '../../support/sample.js';

let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ ADMIN_TOKEN, REPLAY_SPEED: '4' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

/** A decimal without separators and trailing zeros. */
const plain = (text) => text.replaceAll(',', '').replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');

/** Every stored price of a symbol, newest first, as the page shows it. */
async function storedPrices(api, symbol) {
  const prices = [];
  for (let after = null; ;) {
    const { history } = await ask(
      api,
      `query ($symbol: Symbol!, $after: Cursor) {
        history(symbol: $symbol, first: 500, after: $after) {
          nodes { recordedAt tradingDay price cursor }
          pageInfo { hasNextPage }
        }
      }`,
      { symbol, after },
    );
    prices.push(...history.nodes);
    if (!history.pageInfo.hasNextPage) break;
    after = prices.at(-1).cursor;
  }
  return prices.map(({ recordedAt, tradingDay, price }) => [recordedAt, tradingDay, plain(price)]);
}

const shownPrices = async (page) =>
  (await cellsOf(page, 'Price history')).map((row) => [row.datetime, row['Trading day'], plain(row.Price)]);

const rows = (page, name) => table(page, name).locator('tbody > [role=row]');

test('after the server was killed, the history has every stored price once', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/stocks/AAPL', { expected: WHILE_AWAY });
  await becomes(page, 'Live');
  await rows(page, 'Price history').nth(7).waitFor();
  // A restart with many prices that the page has not seen, and one more restart at once.
  for (const speed of ['50', '4']) {
    const before = await shownPrices(page);
    await api.kill();
    await becomes(page, 'Reconnecting…');
    await api.startAgain({ REPLAY_SPEED: speed });
    await becomes(page, 'Live');
    await rows(page, 'Price history').nth(before.length + 4).waitFor();
  }
  const shown = await shownPrices(page);
  const stored = await storedPrices(api, 'AAPL');
  const newest = stored.findIndex(([at]) => at === shown[0][0]);
  assert.deepEqual(shown, stored.slice(newest, newest + shown.length));
  // The live price is the same as the newest of the history.
  const price = page.getByRole('region', { name: 'Price', exact: true });
  await until(async () => {
    const [[, , latest]] = await shownPrices(page);
    return plain(await price.textContent()).includes(latest) || undefined;
  });
});

test('older prices are loaded by pages, down to the first', limit, async (t) => {
  const still = await startStill({ REPLAY_FROM: '2012-01-03' });
  t.after(async () => assert.equal(await still.stop(), 0));
  const { page } = await openConsole(t, browser, still, '/stocks/IBM', { expected: WHILE_AWAY });
  const older = table(page, 'Price history').locator('xpath=ancestor::section').getByRole('button', { name: 'Older' });
  const stored = await storedPrices(still, 'IBM');
  await older.waitFor();
  for (let shown; (shown = await rows(page, 'Price history').count()) < stored.length;) {
    await older.click();
    await rows(page, 'Price history').nth(shown).waitFor();
  }
  assert.deepEqual(await shownPrices(page), stored);
  await older.waitFor({ state: 'detached' });
});

test('the interval is in the address, and a table has what the chart shows', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/stocks/IBM?interval=1d');
  const chart = page.getByRole('figure', { name: 'Chart of IBM' });
  await chart.getByRole('img', { name: /^IBM, 1 day, \d+ candles?, .* last \d/ }).waitFor();
  const interval = (name) => page.getByRole('radiogroup', { name: 'Interval' }).getByRole('radio', { name, exact: true });
  assert.ok(await interval('1 day').isChecked());
  await chart.getByRole('button', { name: 'Show as table' }).click();
  await rows(page, 'Candles').first().waitFor();
  const shown = await cellsOf(page, 'Candles');
  const { candles } = await ask(api, '{ candles(symbol: "IBM", interval: ONE_DAY, first: 500) { start open high low close } }');
  // The newest candle may have changed since.
  const known = new Map(candles.map((it) => [it.start, it]));
  for (const row of shown.slice(3, 50)) {
    const candle = known.get(row.datetime);
    assert.deepEqual(
      ['Open', 'High', 'Low', 'Close'].map((name) => plain(row[name])),
      [candle.open, candle.high, candle.low, candle.close].map(plain),
    );
  }
  await interval('1 hour').check({ force: true });
  await page.waitForURL(/interval=1h/);
  await page.reload();
  assert.ok(await interval('1 hour').isChecked());
});

test('the arrow keys move along the chart and announce each candle', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/stocks/IBM?interval=1d');
  const image = page.getByRole('figure', { name: 'Chart of IBM' }).getByRole('img', { name: / [1-9]\d+ candles/ });
  await image.waitFor();
  await image.focus();
  const announced = page.getByRole('status', { name: 'Candle' });
  const days = [];
  for (let press = 0; press < 3; press += 1) {
    const [label, before] = [await image.getAttribute('aria-label'), await announced.textContent()];
    await page.keyboard.press('ArrowLeft');
    await changes(() => announced.textContent(), before);
    days.push(/^\d{4}-\d\d-\d\d(?=: open )/.exec(await announced.textContent())[0]);
    // A new price does not move it.
    await changes(() => image.getAttribute('aria-label'), label);
  }
  const { history } = await ask(api, '{ history(symbol: "IBM", first: 500) { nodes { tradingDay } } }');
  const known = history.nodes.map(({ tradingDay }) => tradingDay);
  const newest = known.indexOf(days[0]);
  assert.deepEqual(days, known.slice(newest, newest + 3));
});

test('a candle that a key selected stays selected while the chart changes its size', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/stocks/IBM?interval=1d');
  const image = page.getByRole('figure', { name: 'Chart of IBM' }).getByRole('img', { name: / [1-9]\d+ candles/ });
  const drawing = image.locator('canvas').first();
  await drawing.waitFor();
  await image.focus();
  const announced = page.getByRole('status', { name: 'Candle' });
  const press = async (key) => {
    const before = await announced.textContent();
    await page.keyboard.press(key);
    await changes(() => announced.textContent(), before);
    return (await announced.textContent()).slice(0, 10);
  };
  const days = [await press('End')];
  for (const width of [900, 700, 1200]) {
    const before = await drawing.getAttribute('width');
    await page.setViewportSize({ width, height: 700 });
    await changes(() => drawing.getAttribute('width'), before);
    days.push(await press('ArrowLeft'));
  }
  const { history } = await ask(api, '{ history(symbol: "IBM", first: 500) { nodes { tradingDay } } }');
  const known = history.nodes.map(({ tradingDay }) => tradingDay);
  const newest = known.indexOf(days[0]);
  assert.deepEqual(days, known.slice(newest, newest + days.length));
});

test('a stock that is not tracked can be tracked, and an impossible symbol cannot', limit, async (t) => {
  const few = await start({ ADMIN_TOKEN, DEFAULT_SYMBOLS: 'AAPL,IBM' });
  t.after(async () => assert.equal(await few.stop(), 0));
  const { page } = await openConsole(t, browser, few, '/stocks/NVDA', { expected: WHILE_AWAY });
  await heading(page, 'NVDA').waitFor();
  await page.getByText('Not tracked', { exact: true }).waitFor();
  await button(page, 'Track NVDA').click();
  await enterToken(page, ADMIN_TOKEN);
  // The replay has no prices of it.
  await page.getByText('NVDA is unknown to the provider').waitFor();
  assert.equal((await ask(few, '{ stock(symbol: "NVDA") { tracked } }')).stock, null);
  await page.goto(address(few, '/stocks/msft'));
  await button(page, 'Track MSFT').click();
  await enterToken(page, ADMIN_TOKEN);
  await rows(page, 'Price history').first().waitFor();
  await page.goto(address(few, `/stocks/${encodeURIComponent('A B')}`));
  await page.getByText('Not a symbol', { exact: true }).waitFor();
  await page.goto(address(few, '/stocks/BTC%2FUSD'));
  await heading(page, 'BTC/USD').waitFor();
});

test('after the line of a rule was dragged, the wheel scrolls the page', limit, async (t) => {
  const still = await startStill({ ADMIN_TOKEN });
  t.after(async () => assert.equal(await still.stop(), 0));
  const { page } = await openConsole(t, browser, still, '/stocks/AAPL?interval=1d', {
    viewport: { width: 1000, height: 600 },
    expected: WHILE_AWAY,
  });
  await button(page, 'Create rule').first().click();
  const form = dialog(page, 'Create rule');
  await form.getByRole('combobox', { name: 'Kind', exact: true }).selectOption({ label: 'Price above' });
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('470');
  await form.getByRole('button', { name: 'Create rule', exact: true }).click();
  await enterToken(page, ADMIN_TOKEN);
  await form.waitFor({ state: 'detached' });
  await rows(page, 'Rules of AAPL').filter({ hasText: '470' }).waitFor();

  const image = page.getByRole('figure', { name: 'Chart of AAPL' }).getByRole('img', { name: /candles/ });
  const box = await image.boundingBox();
  const x = box.x + box.width / 3;
  // The pointer finds the line where the cursor changes.
  let y = box.y;
  for (const end = box.y + box.height; y < end; y += 3) {
    await page.mouse.move(x, y);
    if (await image.evaluate((element) => element.classList.contains('on-line'))) break;
  }
  assert.ok(y < box.y + box.height, 'the line was found');
  await page.mouse.down();
  await page.mouse.move(x, y + 30, { steps: 5 });
  await page.mouse.up();
  const threshold = await until(async () => {
    const { alertRules } = await ask(still, '{ alertRules { symbol threshold } }');
    const rule = alertRules.find(({ symbol }) => symbol === 'AAPL');
    return rule.threshold !== '470' && rule.threshold;
  });
  assert.ok(Number(threshold) < 470 && Number(threshold) > 400, threshold);
  assert.equal(await page.evaluate(() => scrollY), 0);
  await page.mouse.wheel(0, 200);
  await page.waitForFunction(() => scrollY > 0);
});
