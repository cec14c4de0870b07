// A rule from its dry run to the acknowledged alert.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import {
  ADMIN_TOKEN, button, dialog, enterToken, heading, limit, openConsole, rowOf, signIn, table,
} from '../../support/console.js';
import { start, until } from '../../support/program.js';
import { ask } from '../../support/query.js';

let api;
let browser;
before(async () => {
  [api, browser] = await Promise.all([start({ ADMIN_TOKEN, REPLAY_SPEED: '4', ALERT_THRESHOLD: '50' }), launch()]);
}, limit);
after(async () => {
  await browser?.close();
  assert.equal(await api?.stop(), 0);
}, limit);

test('a rule is tried, created, fires, and its alert is acknowledged', limit, async (t) => {
  await until(async () => (await ask(api, '{ history(symbol: "AAPL", first: 10) { nodes { id: cursor } } }')).history.nodes.length === 10);
  const { page } = await openConsole(t, browser, api, '/rules');
  await heading(page, 'Rules').waitFor();
  await button(page, 'Create rule').click();
  const form = dialog(page, 'Create rule');
  await form.getByRole('combobox', { name: 'Symbol', exact: true }).selectOption('AAPL');
  await form.getByRole('combobox', { name: 'Kind', exact: true }).selectOption({ label: 'Percent change' });
  await form.getByRole('combobox', { name: 'Trigger', exact: true }).selectOption({ label: 'Once per day' });
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('0.1');
  await form.getByRole('textbox', { name: 'Name', exact: true }).fill('Moves');
  const dryRun = form.getByRole('region', { name: 'Dry run' });
  await dryRun.getByText(/^Would have fired \d+ times$/).waitFor();
  await dryRun.getByText(/\d+ prices, \d+ candles/).waitFor();
  assert.ok(await dryRun.getByRole('table', { name: 'Dry run firings' }).getByRole('row').count() > 1);
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('900');
  await dryRun.getByText(/^Would not have fired/).waitFor();
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('0.1');
  await form.getByRole('button', { name: 'Create rule', exact: true }).click();
  await enterToken(page, ADMIN_TOKEN);
  await form.waitFor({ state: 'detached' });
  const row = rowOf(page, 'Rules', 'Moves');
  await row.waitFor();
  // The page learns by itself that it fired.
  await row.locator('time').first().waitFor();

  const news = page.getByRole('link', { name: /^Alerts, \d+ new$/ });
  await news.waitFor();
  // Their number does not make the navigation taller on a small screen.
  const { width, height } = page.viewportSize();
  await page.setViewportSize({ width: 360, height });
  const tops = await page.getByRole('navigation', { name: 'Main' }).getByRole('link')
    .evaluateAll((links) => links.map((link) => link.getBoundingClientRect().top));
  assert.equal(new Set(tops).size, 1, `${tops}`);
  await page.setViewportSize({ width, height });
  await news.click();
  await heading(page, 'Alerts').waitFor();
  await page.getByRole('link', { name: 'Alerts', exact: true }).waitFor();
  const alert = table(page, 'Alerts').getByRole('row').filter({ hasText: 'Moves' }).last();
  const acknowledge = alert.getByRole('button', { name: /^Acknowledge AAPL/ });
  const name = await acknowledge.getAttribute('aria-label');
  await acknowledge.click();
  await button(page, name).waitFor({ state: 'detached' });
  await until(async () => {
    const { alerts } = await ask(api, '{ alerts(first: 500) { nodes { message acknowledgedAt } } }');
    return alerts.nodes.find((it) => it.acknowledgedAt && name.includes(it.message));
  });
});

test('a rule is switched off, edited and deleted', limit, async (t) => {
  const { page } = await openConsole(t, browser, api, '/rules');
  await signIn(page, ADMIN_TOKEN);
  await button(page, 'Create rule').click();
  let form = dialog(page, 'Create rule');
  await form.getByRole('combobox', { name: 'Symbol', exact: true }).selectOption('IBM');
  await form.getByRole('combobox', { name: 'Kind', exact: true }).selectOption({ label: 'Price above' });
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('900000');
  await form.getByRole('button', { name: 'Create rule', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  // Without a name, it is called by its sentence.
  const row = rowOf(page, 'Rules', /^IBM above 900,?000$/);
  await row.waitFor();
  const rule = async () => (await ask(api, '{ alertRules { symbol enabled threshold } }')).alertRules.find((it) => it.symbol === 'IBM');
  await row.getByRole('switch', { name: /^Enabled: IBM above/ }).click();
  await until(async () => (await rule()).enabled === false);
  await row.getByRole('button', { name: /^Edit IBM above/ }).click();
  form = dialog(page, 'Edit rule');
  const threshold = form.getByRole('textbox', { name: 'Threshold', exact: true });
  const tried = [];
  page.on('request', (request) => {
    const { input } = request.method() === 'POST' ? request.postDataJSON().variables : {};
    if (input?.kind) tried.push(input.threshold);
  });
  // A number that is not complete is not sent: the field shows what is missing.
  await threshold.fill('1e');
  const invalid = form.locator('input[aria-invalid=true]');
  await invalid.waitFor();
  const message = await invalid.evaluate((element) => document.getElementById(element.getAttribute('aria-describedby')).textContent);
  assert.equal(message, 'Enter a number, such as 12.5');
  await form.getByRole('region', { name: 'Dry run' }).getByText(message).waitFor();
  // The field has the focus before the next frame, and so before the next key, and keeps what was typed.
  const focused = await form.getByRole('button', { name: 'Save', exact: true }).evaluate(async (button) => {
    button.focus();
    button.click();
    for (let turn = 0; turn < 10; turn += 1) await null;
    return document.activeElement.name;
  });
  assert.equal(focused, 'threshold');
  assert.equal(await threshold.inputValue(), '1e');
  await threshold.fill('700000');
  await until(() => tried.includes('700000'));
  assert.ok(!tried.includes('1e'), `${tried}`);
  await threshold.fill('800000.5');
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  assert.equal((await rule()).threshold, '800000.5');
  await page.getByRole('button', { name: /^Delete IBM above/ }).click();
  const question = page.getByRole('alertdialog', { name: 'Delete rule' });
  await question.getByRole('button', { name: 'Cancel', exact: true }).click();
  assert.ok(await rule());
  await page.getByRole('button', { name: /^Delete IBM above/ }).click();
  await question.getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => !(await rule()));
  // The default rule cannot be edited.
  assert.equal(await page.getByRole('button', { name: /^(Edit|Delete) .*50/ }).count(), 0);
});
