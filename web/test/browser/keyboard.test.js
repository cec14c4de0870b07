// Everything by keyboard.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import { ADMIN_TOKEN, address, button, dialog, heading, limit, openConsole, rowOf, table } from '../../support/console.js';
import { start, until } from '../../support/program.js';
import { ask } from '../../support/query.js';

let api;
let browser;
before(async () => ([api, browser] = await Promise.all([start({ ADMIN_TOKEN, REPLAY_SPEED: '2' }), launch()])), limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

/** The accessible name, roughly, of what has the focus. */
const focused = (page) => page.evaluate(() => {
  const { activeElement: element } = document;
  return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
});
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

test('the keys of every page', limit, async (t) => {
  const { page } = await openConsole(t, browser, api);
  await rowOf(page, 'Stocks', 'AAPL').waitFor();
  for (const [key, name] of [['a', 'Alerts'], ['r', 'Rules'], ['w', 'Webhooks'], ['t', 'Status'], ['s', 'Stocks']]) {
    await press(page, 'g', key);
    await heading(page, name).waitFor();
    // After a change of the page, the focus is on its heading.
    await page.waitForFunction((text) => document.activeElement?.textContent === text, name);
  }
  await press(page, '?');
  const shortcuts = dialog(page, 'Keyboard shortcuts');
  await shortcuts.waitFor();
  await press(page, 'Escape');
  await shortcuts.waitFor({ state: 'detached' });
  await press(page, 'n');
  await dialog(page, 'Create rule').waitFor();
  await press(page, 'Escape');
  await dialog(page, 'Create rule').waitFor({ state: 'detached' });

  await press(page, 'Control+k');
  const goTo = dialog(page, 'Go to');
  await goTo.waitFor();
  await page.keyboard.type('goog');
  await goTo.getByRole('option', { name: /GOOG/ }).first().waitFor();
  await press(page, 'Enter');
  await heading(page, 'GOOG').waitFor();
  await press(page, 'Escape');
  await heading(page, 'Stocks').waitFor();
});

test('the keys of the board and of a stock', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, null);
  // Frames are rare on a busy machine. A key acts without waiting for the next one.
  await page.addInitScript(() => {
    globalThis.requestAnimationFrame = (run) => setTimeout(() => run(performance.now()), 300);
    globalThis.cancelAnimationFrame = clearTimeout;
  });
  await page.goto(address(api, '/'));
  await rowOf(page, 'Stocks', 'AAPL').waitFor();
  await press(page, 'j');
  assert.equal(await focused(page), 'AAPL');
  await press(page, 'j', 'ArrowDown', 'k');
  assert.equal(await focused(page), 'GOOG');
  await press(page, 'Enter');
  await page.getByRole('radiogroup', { name: 'Interval' }).waitFor();
  // The symbol changes while the interval stays.
  await press(page, '6');
  await page.waitForURL(/interval=1d/);
  await press(page, 'j');
  await page.getByRole('figure', { name: 'Chart of IBM' }).waitFor();
  assert.match(page.url(), /\/stocks\/IBM\?interval=1d$/);
  await press(page, 'k');
  await page.getByRole('figure', { name: 'Chart of GOOG' }).waitFor();
  await press(page, 't');
  await table(page, 'Candles').waitFor();
  await press(page, 't');
  await table(page, 'Candles').waitFor({ state: 'detached' });
  await press(page, 'n');
  const form = dialog(page, 'Create rule');
  assert.equal(await form.getByRole('combobox', { name: 'Symbol', exact: true }).inputValue(), 'GOOG');
  assert.match(await form.getByRole('textbox', { name: 'Threshold', exact: true }).inputValue(), /^\d+(\.\d+)?$/);
  await press(page, 'Escape', 'Escape');
  await heading(page, 'Stocks').waitFor();

  // A single key does nothing in a field, and nothing at all once that is switched off.
  await press(page, '/');
  assert.equal(await focused(page), 'Filter stocks');
  await page.keyboard.type('gang');
  await page.waitForURL(/q=gang/);
  await press(page, 'Escape');
  await page.waitForURL((url) => !url.searchParams.has('q'));
  await press(page, '?');
  const shortcuts = dialog(page, 'Keyboard shortcuts');
  await shortcuts.getByRole('checkbox', { name: /Single keys/ }).uncheck();
  await press(page, 'Escape');
  await shortcuts.waitFor({ state: 'detached' });
  await press(page, 'g', 'a', '?', 'n');
  await press(page, 'Control+k');
  await dialog(page, 'Go to').waitFor();
  await heading(page, 'Stocks').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 1);
});

test('an alert is acknowledged with e', limit, async (t) => {
  await until(async () => (await ask(api, '{ alerts(first: 1) { nodes { id } } }')).alerts.nodes.length);
  const { page } = await openConsole(t, browser, api, '/alerts');
  await table(page, 'Alerts').waitFor();
  await button(page, 'Sign in').focus();
  await press(page, 'Enter');
  await page.keyboard.type(ADMIN_TOKEN);
  await press(page, 'Enter');
  await button(page, 'Sign out').waitFor();
  await press(page, 'e');
  await until(async () => (await ask(api, '{ alerts(first: 500) { nodes { acknowledgedAt } } }'))
    .alerts.nodes.some((it) => it.acknowledgedAt));
});

test('by Tab alone: the link to the content comes first, and a dialog keeps the focus and returns it', limit, async (t) => {
  const { page } = await openConsole(t, browser, api);
  await rowOf(page, 'Stocks', 'AAPL').waitFor();
  await press(page, 'Tab');
  assert.equal(await focused(page), 'Skip to content');
  await press(page, 'Enter', 'Tab');
  assert.ok(await page.evaluate(() => document.querySelector('main').contains(document.activeElement)));
  await button(page, 'Track a stock').focus();
  await press(page, 'Space');
  const tracking = dialog(page, 'Track a stock');
  await tracking.waitFor();
  assert.match(await focused(page), /^Symbol or name/);
  for (let presses = 0; presses < 12; presses += 1) {
    await press(page, 'Tab');
    // The window itself may have it between the last control and the first.
    assert.ok(await page.evaluate(() => document.activeElement === document.body
      || document.querySelector('dialog[open]').contains(document.activeElement)));
  }
  await press(page, 'Escape');
  await tracking.waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'Track a stock');
});
