// Webhooks and the log of their deliveries.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, button, dialog, heading, limit, openConsole, signIn, table,
} from '../../support/console.js';
import { until } from '../../support/program.js';
import { startSample } from '../../support/sample.js';

let api;
let browser;
before(async () => {
  // An alert for nearly every price, so that there is more than one page of deliveries.
  const settings = { name: 'Large move', note: 'Read the news.', ALERT_THRESHOLD: '0.1' };
  [api, browser] = await Promise.all([startSample(ADMIN_TOKEN, settings), launch()]);
}, limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

const rows = (page, name) => table(page, name).locator('tbody > [role=row]');

test('the page queries the webhooks once, and again after signing in', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, null);
  const queries = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.postData().includes('query Webhooks')) queries.push(request);
  });
  await page.goto(new URL('/webhooks', api.graphql).href);
  await page.getByText('Webhooks require the admin token').waitFor();
  assert.equal(queries.length, 1);
  await signIn(page, ADMIN_TOKEN);
  await table(page, 'Webhooks').waitFor();
  await button(page, 'Sign out').click();
  await page.getByText('Webhooks require the admin token').waitFor();
  assert.equal(await page.getByText('/alerts/').count(), 0);
});

test('older deliveries are added to those that are shown', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/webhooks');
  await signIn(page, ADMIN_TOKEN);
  await rows(page, 'Deliveries').nth(19).waitFor();
  const shown = await rows(page, 'Deliveries').first().elementHandle();
  await button(page, 'Older').click();
  await rows(page, 'Deliveries').nth(20).waitFor();
  // The list was not replaced by one that is loading.
  assert.ok(await shown.evaluate((element) => element.isConnected));
});

test('the signing secret is shown once', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/webhooks');
  await signIn(page, ADMIN_TOKEN);
  await heading(page, 'Webhooks').waitFor();
  await button(page, 'Create webhook').click();
  const form = dialog(page, 'Create webhook');
  await form.getByRole('button', { name: 'Create webhook', exact: true }).click();
  const url = form.getByRole('textbox', { name: 'URL', exact: true });
  await until(async () => (await url.getAttribute('aria-invalid')) === 'true');
  await url.fill('http://127.0.0.1:9/another');
  await form.getByRole('button', { name: 'Create webhook', exact: true }).click();
  const secret = dialog(page, 'Signing secret');
  await secret.getByText(/^whsec_/).waitFor();
  await secret.getByRole('button', { name: 'Copy', exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await secret.waitFor({ state: 'detached' });
  await rows(page, 'Webhooks').nth(1).waitFor();
  assert.equal(await page.getByText(/whsec_/).count(), 0);
});
