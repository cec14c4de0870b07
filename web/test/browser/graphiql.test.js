// GraphiQL, from the files of the server alone: a query and a subscription.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import { ADMIN_TOKEN, address, assertAccessible, heading, limit, openConsole, WHILE_AWAY } from '../../support/console.js';
import { changes, start } from '../../support/program.js';

let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ ADMIN_TOKEN, REPLAY_SPEED: '4' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

/** The lines of the response that are drawn. */
const response = (page) => page.locator('.graphiql-response .view-lines');
const editor = (page) => page.locator('.graphiql-query-editor .view-lines');

test('a query and a subscription work, without the internet', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/graphiql');
  const execute = page.getByRole('button', { name: /^Execute query/ });
  await execute.waitFor();
  const tabs = page.getByRole('tab');
  await tabs.nth(2).waitFor();
  // GraphiQL ignores a click on the button before both are drawn.
  for (const drawn of [editor(page), response(page)]) await drawn.waitFor({ state: 'attached' });

  await execute.click();
  await response(page).getByText('"data"').waitFor();
  await response(page).getByText(/"AAPL"|"GOOG"|"IBM"|"MSFT"/).first().waitFor();

  await tabs.nth(1).click();
  await editor(page).getByText(/subscription/).first().waitFor();
  await execute.click();
  await response(page).getByText(/priceUpdates/).waitFor();
  const before = await response(page).textContent();
  await changes(() => response(page).textContent(), before);
  await page.getByRole('button', { name: /^Stop query/ }).click();

  // What is entered as a header is sent, and not kept.
  await tabs.nth(0).click();
  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await page.locator('.graphiql-editor-tool .monaco-editor').last().click();
  await page.keyboard.type('{"x-secret": "kept-nowhere');
  const sent = page.waitForRequest((request) => request.headers()['x-secret'] === 'kept-nowhere');
  await execute.click();
  await sent;
  await page.reload();
  await execute.waitFor();
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.doesNotMatch(kept, /kept-nowhere/);
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing around the editors and tabs of GraphiQL, ${colorScheme}`, limit, async (t) => {
    const { page } = await openConsole(t, browser, api, '/graphiql', { colorScheme });
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    await page.getByRole('tab').nth(2).waitFor();
    await heading(page, 'Stock Tracker').waitFor();
    await assertAccessible(page, `GraphiQL, ${colorScheme}`, ['.monaco-editor', '.graphiql-tabs']);
  });
}

test('the link of the console leads to GraphiQL, and the old address too', limit, async (t) => {
  const { page } = await openConsole(t, browser, api);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'GraphiQL', exact: true }).click();
  await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  await page.goto(address(api, '/playground'));
  await page.waitForURL(/\/graphiql$/);
});

test('without GraphiQL, its address is not found and its link is gone', limit, async (t) => {
  const bare = await start({ GRAPHIQL: 'false' });
  t.after(async () => assert.equal(await bare.stop(), 0));
  const { page } = await openConsole(t, browser, bare, '/', { expected: WHILE_AWAY });
  await heading(page, 'Stocks').waitFor();
  await page.getByRole('link', { name: 'Status', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'GraphiQL' }).count(), 0);
  assert.equal((await fetch(address(bare, '/graphiql'))).status, 404);
});
