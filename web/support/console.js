// The web console in a browser, found by the roles and names that assistive technology finds.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { openPage } from './browser.js';

/** The time that a test takes at most, on a busy machine. */
export const limit = { timeout: 180_000 };

/** A token of 48 characters, which `ADMIN_TOKEN` requires for nothing but to be hard to guess. */
export const ADMIN_TOKEN = 'admin-of-the-tests-0123456789abcdef0123456789abc';

/**
 * Opens a page of the console; with a path of null, only the tab. The page must load nothing from elsewhere, and report
 * nothing.
 */
export async function openConsole(t, browser, api, path = '/', options = {}) {
  const opened = await openPage(t, browser, { origins: [api.graphql], ...options });
  if (path === null) return opened;
  const response = await opened.page.goto(address(api, path));
  const policy = (await response.allHeaders())['content-security-policy'];
  assert.match(policy ?? '', /default-src 'none'/, 'the page has a Content-Security-Policy');
  return opened;
}

export const address = (api, path) => new URL(path, api.graphql).href;

/**
 * Errors that the browser itself reports while the server is away, such as at the end of a test with its own server,
 * which stops before the page is closed.
 */
export const WHILE_AWAY = [/WebSocket connection to .* failed/, /Failed to load resource: (net::ERR_|the server responded with a status of 503)/];
/** What the browser reports of a response that refuses a token. */
export const REFUSED = [/Failed to load resource: .* 40[13]/];

export const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });
export const connection = (page) => page.getByRole('status', { name: 'Connection', exact: true });
export const table = (page, name) => page.getByRole('table', { name, exact: true });
export const dialog = (page, name) => page.getByRole('dialog', { name, exact: true });
export const button = (page, name) => page.getByRole('button', { name, exact: true });

/** Waits until the connection has a state: a text, or a pattern. */
export const becomes = (page, state) =>
  connection(page).filter({ hasText: typeof state === 'string' ? new RegExp(`^${state}$`) : state }).waitFor();

/** Enters the admin token into the dialog that asks for it. */
export async function enterToken(page, token, name = 'Admin token') {
  const asked = dialog(page, name);
  await asked.getByLabel(name, { exact: true }).fill(token);
  await asked.getByRole('button', { name: name === 'Admin token' ? 'Sign in' : 'Continue', exact: true }).click();
  await asked.waitFor({ state: 'detached' });
}

export async function signIn(page, token) {
  await button(page, 'Sign in').click();
  await enterToken(page, token);
  await button(page, 'Sign out').waitFor();
}

/** The row of a table whose first cell or row header is a text. */
export const rowOf = (page, name, text) =>
  table(page, name).getByRole('row').filter({ has: page.getByRole('rowheader', { name: text }) });

/** The cells of each row by the names of their columns; `datetime` is that of the first time in the row. */
export function cellsOf(page, name) {
  return table(page, name).evaluate((element) => {
    const columns = [...element.querySelectorAll('thead [role=columnheader]')].map((it) => it.textContent.trim());
    return [...element.querySelectorAll('tbody > [role=row]')].map((row) => ({
      datetime: row.querySelector('time')?.dateTime,
      ...Object.fromEntries([...row.children].map((cell, at) => [columns[at], cell.textContent.trim()])),
    }));
  });
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Asserts that axe-core finds nothing on the page, with the rules of WCAG 2.2 AA and with its best practices.
 * `exclude` has selectors of what other packages draw.
 */
export async function assertAccessible(page, where, exclude = []) {
  // Finite animations change contrast while they run.
  await page.evaluate(() => Promise.allSettled(
    document.getAnimations()
      .filter((it) => it.effect?.getComputedTiming().endTime !== Infinity)
      .map((it) => it.finished),
  ));
  await page.evaluate(axe);
  const violations = await page.evaluate(async (excluded) => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const result = await globalThis.axe.run({ exclude: excluded }, { runOnly: tags, resultTypes: ['violations'] });
    return result.violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 3).map((it) => `${it.target.join(' ')}: ${it.failureSummary}`),
    }));
  }, exclude.map((selector) => [selector]));
  assert.deepEqual(violations, [], where);
}
