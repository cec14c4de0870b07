// The examples of web pages, in a browser: prices move, and a restart of the server loses and repeats none.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { build, preview } from 'vite';
import { launch, openPage } from '../support/browser.js';
import { copyExample, startProgram } from '../support/examples.js';
import { start, until } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

const SYMBOLS = ['AAPL', 'GOOG', 'IBM', 'MSFT'];
const limit = { timeout: 120_000 };
let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ REPLAY_SPEED: '5' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api.stop(), 0);
}, limit);

/** Asserts what both pages show, while the server is stopped and started again. */
async function followsPrices(t, address) {
  // The browser reports each refused connection to a server that is restarting.
  const expected = [/WebSocket connection to .* failed/];
  const { page } = await openPage(t, browser, { origins: [address, api.graphql], expected });
  await page.goto(address);
  const state = page.getByRole('status');
  await state.getByText('Live').waitFor();
  for (const symbol of SYMBOLS) {
    await page.locator(`tr[data-symbol="${symbol}"] td`, { hasText: /^\d+(\.\d+)?$/ }).first().waitFor();
  }
  const history = page.locator('li[data-cursor]');
  const enough = (count) => history.nth(count - 1).waitFor();
  await enough(12);
  assert.equal(await api.restart(), 0);
  const before = await history.count();
  await enough(before + 12);
  await state.getByText('Live').waitFor();
  const shown = await history.evaluateAll((items) =>
    items.map((item) => ({ cursor: item.dataset.cursor, text: item.textContent })));
  for (const symbol of SYMBOLS) {
    const [first, ...rest] = shown.filter(({ text }) => text.split(' ')[1] === symbol);
    // The first is the latest price at that time; all others follow it.
    const stored = await pricesBetween(api, symbol, first.cursor, rest.at(-1).cursor);
    assert.deepEqual(
      rest,
      stored.map(({ price, tradingDay, cursor }) => ({ cursor, text: `${tradingDay} ${symbol} ${price}` })),
    );
  }
}

test('a plain page with graphql-ws follows prices', limit, async (t) => {
  const folder = await copyExample(t, 'page');
  const { lines } = startProgram(t, process.execPath, ['server.js'], {
    cwd: folder,
    env: { PORT: '0', API: new URL('/', api.graphql).href },
  });
  await until(() => lines.length);
  assert.equal((await fetch(new URL('/../server.js', lines[0]))).status, 404);
  await followsPrices(t, lines[0]);
});

test('React with Apollo Client follows prices', limit, async (t) => {
  const root = await copyExample(t, 'react');
  process.env.VITE_API = new URL('/', api.graphql).href;
  await build({ root, logLevel: 'warn' });
  const server = await preview({ root, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1' } });
  t.after(() => server.close());
  await followsPrices(t, `http://127.0.0.1:${server.httpServer.address().port}/`);
});

test('the examples use the versions that are tested', async () => {
  const manifest = async (path) => JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
  const { dependencies, devDependencies } = await manifest('../console/package.json');
  const tested = { ...dependencies, ...devDependencies, ...(await manifest('../package.json')).devDependencies };
  for (const name of ['page', 'react']) {
    const example = await manifest(`../../examples/${name}/package.json`);
    for (const [it, version] of Object.entries({ ...example.dependencies, ...example.devDependencies })) {
      assert.equal(version, tested[it], `${it} in ${name}`);
    }
  }
});
