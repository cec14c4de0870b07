// A server that requires a token to read, and the admin token.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, becomes, button, dialog, enterToken, heading, limit, openConsole, REFUSED, rowOf, signIn,
} from '../../support/console.js';
import { start } from '../../support/program.js';

const READ_TOKEN = 'reader-of-the-tests-0123456789abcdef';
let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ ADMIN_TOKEN, READ_TOKEN, REPLAY_SPEED: '2' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

/** Everything that outlives the tab, as text. */
const kept = (page) => page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie + location.href);

test('nothing is shown without the access token', limit, async (t) => {
  const { page, context } = await openConsole(t, browser, api, '/', { expected: REFUSED });
  const asked = dialog(page, 'Access token');
  await asked.waitFor();
  await heading(page, 'Stocks').waitFor({ state: 'attached' });
  assert.doesNotMatch(await page.locator('body').innerText(), /AAPL|\d\.\d\d/);
  const field = asked.getByLabel('Access token', { exact: true });
  await field.fill('wrong');
  await asked.getByRole('button', { name: 'Continue', exact: true }).click();
  await asked.getByText('The token was refused').waitFor();
  assert.equal(await field.getAttribute('aria-invalid'), 'true');
  await enterToken(page, READ_TOKEN, 'Access token');
  await rowOf(page, 'Stocks', 'AAPL').waitFor();
  await becomes(page, 'Live');
  assert.doesNotMatch(await kept(page), new RegExp(READ_TOKEN));
  // It is only in memory: a reload asks again.
  await page.reload();
  await asked.waitFor();
  await asked.getByLabel('Keep until this tab closes').check();
  await enterToken(page, READ_TOKEN, 'Access token');
  await page.reload();
  await rowOf(page, 'Stocks', 'AAPL').waitFor();
  assert.doesNotMatch(await kept(page), new RegExp(READ_TOKEN));
  // Another tab does not have it.
  const other = await context.newPage();
  await other.goto(page.url());
  await dialog(other, 'Access token').waitFor();
});

test('an action asks for the admin token and continues after signing in', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/', { expected: REFUSED });
  await enterToken(page, READ_TOKEN, 'Access token');
  await button(page, 'More about IBM').click();
  await page.getByRole('menuitem', { name: 'Untrack', exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Untrack', exact: true }).click();
  const asked = dialog(page, 'Admin token');
  await asked.getByLabel('Admin token', { exact: true }).fill('wrong');
  await asked.getByRole('button', { name: 'Sign in', exact: true }).click();
  await asked.getByText('The token was refused').waitFor();
  await asked.getByRole('button', { name: 'Cancel', exact: true }).click();
  await rowOf(page, 'Stocks', 'IBM').waitFor();
  await button(page, 'More about IBM').click();
  await page.getByRole('menuitem', { name: 'Untrack', exact: true }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Untrack', exact: true }).click();
  await enterToken(page, ADMIN_TOKEN);
  await rowOf(page, 'Stocks', 'IBM').waitFor({ state: 'detached' });
  assert.doesNotMatch(await kept(page), new RegExp(ADMIN_TOKEN));
  await button(page, 'Sign out').click();
  await button(page, 'Sign in').waitFor();
});

test('a reader who signs in sees the webhooks', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/webhooks', { expected: REFUSED });
  await enterToken(page, READ_TOKEN, 'Access token');
  await heading(page, 'Webhooks').waitFor();
  await page.getByText('require the admin token').waitFor();
  await signIn(page, ADMIN_TOKEN);
  await page.getByText('require the admin token').waitFor({ state: 'detached' });
});
