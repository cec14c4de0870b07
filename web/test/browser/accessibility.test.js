// Every page and dialog, in both themes and on a small screen: axe-core finds nothing, nothing scrolls sideways, and
// text from elsewhere stays text.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, address, assertAccessible, becomes, button, dialog, heading, limit, openConsole, REFUSED, signIn, table,
  WHILE_AWAY,
} from '../../support/console.js';
import { start } from '../../support/program.js';
import { HOSTILE, startSample, startStill } from '../../support/sample.js';

let api;
let browser;
before(async () => {
  [api, browser] = await Promise.all([startSample(ADMIN_TOKEN, { name: HOSTILE, note: HOSTILE }), launch()]);
}, limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

const PAGES = [
  ['/', 'Stocks'],
  ['/?q=nothing-has-this', 'Stocks'],
  ['/stocks/AAPL?interval=1d', 'AAPL'],
  ['/stocks/AAPL', 'AAPL'],
  ['/stocks/NVDA', 'NVDA'],
  ['/stocks/A%20B', 'A B'],
  ['/alerts', 'Alerts'],
  ['/alerts?symbol=IBM', 'Alerts'],
  ['/rules', 'Rules'],
  ['/webhooks', 'Webhooks'],
  ['/status', 'Status'],
];

/** Waits until the page has what it loads. */
async function settle(page, path, name) {
  await heading(page, name).waitFor();
  await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
  if (/^\/stocks\/AAPL/.test(path)) await page.getByRole('figure').getByRole('img').first().waitFor();
  await becomes(page, 'Live');
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any page, ${colorScheme}`, limit, async (t) => {
    const { page } = await openConsole(t, browser, api, '/', { colorScheme });
    const go = async (path, name) => {
      await page.evaluate((to) => {
        history.pushState(null, '', to);
        dispatchEvent(new PopStateEvent('popstate'));
      }, path);
      await settle(page, path, name);
      await assertAccessible(page, `${path}, ${colorScheme}`);
    };
    for (const [path, name] of PAGES) await go(path, name);
    await signIn(page, ADMIN_TOKEN);
    await go('/webhooks', 'Webhooks');
  });

  test(`axe finds nothing on any dialog, ${colorScheme}`, limit, async (t) => {
    const { page } = await openConsole(t, browser, api, '/', { colorScheme });
    const opens = async (name, act, role = 'dialog') => {
      await act();
      const opened = page.getByRole(role, { name, exact: true });
      await opened.waitFor();
      await assertAccessible(page, `${name}, ${colorScheme}`);
      await page.keyboard.press('Escape');
      await opened.waitFor({ state: 'detached' });
    };
    const go = async (path, name) => {
      await page.goto(address(api, path));
      await settle(page, path, name);
    };
    await settle(page, '/', 'Stocks');
    await opens('Admin token', () => button(page, 'Sign in').click());
    await opens('Track a stock', () => button(page, 'Track a stock').click());
    await opens('Go to', () => page.keyboard.press('Control+k'));
    await opens('Keyboard shortcuts', () => page.keyboard.press('?'));
    await opens('More about AAPL', () => button(page, 'More about AAPL').click(), 'menu');
    await opens('Untrack AAPL', async () => {
      await button(page, 'More about AAPL').click();
      await page.getByRole('menuitem', { name: 'Untrack', exact: true }).click();
    }, 'alertdialog');
    await opens('Create rule', async () => {
      await page.keyboard.press('n');
      const form = dialog(page, 'Create rule');
      await form.getByRole('combobox', { name: 'Symbol', exact: true }).selectOption('AAPL');
      await form.getByRole('combobox', { name: 'Kind', exact: true }).selectOption({ label: 'Percent change' });
      await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('2');
      await form.getByRole('table', { name: 'Dry run firings' }).waitFor();
    });
    await go('/rules', 'Rules');
    await signIn(page, ADMIN_TOKEN);
    await opens('Edit rule', () => page.getByRole('button', { name: /^Edit / }).first().click());
    await opens('Delete rule', () => page.getByRole('button', { name: /^Delete / }).first().click(), 'alertdialog');
    await go('/webhooks', 'Webhooks');
    await signIn(page, ADMIN_TOKEN);
    await opens('Create webhook', () => button(page, 'Create webhook').click());
    await opens('Signing secret', async () => {
      await button(page, 'Create webhook').click();
      const form = dialog(page, 'Create webhook');
      await form.getByRole('textbox', { name: 'URL', exact: true }).fill('http://127.0.0.1:9/');
      await form.getByRole('button', { name: 'Create webhook', exact: true }).click();
    });
    const locked = await start({ READ_TOKEN: 'reader-of-the-tests-0123456789abcdef' });
    t.after(async () => assert.equal(await locked.stop(), 0));
    const expected = [...REFUSED, ...WHILE_AWAY];
    const { page: refused } = await openConsole(t, browser, locked, '/', { colorScheme, expected });
    await dialog(refused, 'Access token').waitFor();
    await assertAccessible(refused, `Access token, ${colorScheme}`);
  });

  test(`axe finds nothing while the server is away, ${colorScheme}`, limit, async (t) => {
    const lost = await startStill({ ADMIN_TOKEN });
    const { page } = await openConsole(t, browser, lost, '/', { colorScheme, expected: WHILE_AWAY });
    await settle(page, '/', 'Stocks');
    assert.equal(await lost.stop(), 0);
    await becomes(page, /^Offline since/);
    await assertAccessible(page, `offline, ${colorScheme}`);
  });
}

/** Asserts that neither the page nor the dialog on it is wider than the window. */
async function assertFits(page, where) {
  const layout = await page.evaluate(() => ({
    width: Math.max(...[document.scrollingElement, ...document.querySelectorAll('dialog')].map((it) => it.scrollWidth)),
    wide: [...document.querySelectorAll('body *')]
      .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
      .map((it) => `${it.tagName}.${it.className}`)
      .slice(0, 5),
  }));
  const { width } = page.viewportSize();
  assert.ok(layout.width <= width, `${where} is ${layout.width} px wide at ${width}: ${layout.wide}`);
}

/** Asserts that the board has the columns that it keeps in the smallest window. */
async function assertKeepsColumns(page) {
  const columns = await table(page, 'Stocks').getByRole('columnheader').allTextContents();
  for (const name of ['Symbol', 'Price', 'Change %']) {
    assert.ok(columns.some((it) => it.trim().startsWith(name)), `${columns}`);
  }
}

test('nothing scrolls sideways, from 360 pixels', limit, async (t) => {
  for (const width of [360, 768, 1280]) {
    const { page } = await openConsole(t, browser, api, '/', { viewport: { width, height: 740 } });
    for (const [path, name] of PAGES) {
      await page.goto(address(api, path));
      await settle(page, path, name);
      await assertFits(page, path);
    }
    await page.goto(address(api, '/'));
    await settle(page, '/', 'Stocks');
    await assertKeepsColumns(page);
  }
});

test('nothing scrolls sideways with text of 200 %', limit, async (t) => {
  for (const width of [360, 768, 1024, 1280]) {
    const { page } = await openConsole(t, browser, api, '/', { viewport: { width, height: 740 } });
    const go = async (path, name) => {
      await page.goto(address(api, path));
      await page.evaluate(() => (document.documentElement.style.fontSize = '1.75rem'));
      await settle(page, path, name);
    };
    for (const [path, name] of PAGES) {
      await go(path, name);
      await assertFits(page, `${path} with text of 200 %`);
      if (path === '/') await assertKeepsColumns(page);
    }
    for (const [key, name] of [['?', 'Keyboard shortcuts'], ['n', 'Create rule'], ['Control+k', 'Go to']]) {
      await page.keyboard.press(key);
      await dialog(page, name).waitFor();
      await assertFits(page, `${name} with text of 200 %`);
      await page.keyboard.press('Escape');
      await dialog(page, name).waitFor({ state: 'detached' });
    }
    // A banner that is tall does not cover what is read.
    const position = await page.getByRole('banner').evaluate((banner) => getComputedStyle(banner).position);
    assert.equal(position, width === 360 ? 'static' : 'sticky', `at ${width} px`);
    await go('/webhooks', 'Webhooks');
    await signIn(page, ADMIN_TOKEN);
    await table(page, 'Webhooks').waitFor();
    await assertFits(page, 'webhooks with text of 200 %');
  }
});

test('all buttons of a webhook are in view', limit, async (t) => {
  for (const width of [360, 1024, 1200]) {
    const { page } = await openConsole(t, browser, api, '/webhooks', { viewport: { width, height: 740 } });
    await signIn(page, ADMIN_TOKEN);
    const buttons = table(page, 'Webhooks').getByRole('button');
    await buttons.first().waitFor();
    const cut = await buttons.evaluateAll((all) =>
      all.filter((it) => it.getBoundingClientRect().right > it.closest('.data-table').getBoundingClientRect().right)
        .map((it) => it.textContent));
    assert.deepEqual(cut, [], `at ${width} px`);
  }
});

test('text from anywhere is text', limit, async (t) => {
  const { page } = await openConsole(t, browser, api);
  page.on('dialog', () => assert.fail('a script ran'));
  for (const [path, name] of [['/', 'Stocks'], ['/stocks/GOOG', 'GOOG'], ['/rules', 'Rules'], ['/alerts', 'Alerts']]) {
    await page.goto(address(api, path));
    await settle(page, path, name);
    await page.getByText(HOSTILE).filter({ visible: true }).first().waitFor();
    assert.equal(await page.locator('img[src="x"], b[data-hostile]').count(), 0);
  }
  await page.goto(address(api, '/webhooks'));
  await signIn(page, ADMIN_TOKEN);
  await table(page, 'Webhooks').waitFor();
  assert.equal(await page.locator('img[src="x"], b[data-hostile]').count(), 0);
});
