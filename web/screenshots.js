// Writes the screenshots of the documentation: every page in both themes, and at 360 pixels.
import { fileURLToPath } from 'node:url';
import { launch } from './support/browser.js';
import { ADMIN_TOKEN, address, becomes, button, dialog, heading, signIn, table } from './support/console.js';
import { startSample } from './support/sample.js';

const folder = fileURLToPath(new URL('../docs/screenshots/', import.meta.url));
const SIZES = {
  light: { colorScheme: 'light', viewport: { width: 1200, height: 750 } },
  dark: { colorScheme: 'dark', viewport: { width: 1200, height: 750 } },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
};

/** What is shown, by the name of the file. */
const SCENES = {
  stocks: ['/', (page) => table(page, 'Stocks').waitFor()],
  stock: ['/stocks/AAPL?interval=1d', (page) => page.getByRole('figure').getByRole('img').first().waitFor()],
  alerts: ['/alerts', (page) => table(page, 'Alerts').waitFor()],
  rules: ['/rules', (page) => table(page, 'Rules').waitFor()],
  'dry-run': ['/rules', tryRule],
  webhooks: ['/webhooks', async (page) => {
    await signIn(page, ADMIN_TOKEN);
    await table(page, 'Webhooks').waitFor();
  }],
  status: ['/status', (page) => table(page, 'Providers').waitFor()],
  graphiql: ['/graphiql', async (page) => {
    await page.getByRole('tab').nth(2).waitFor({ timeout: 90_000 });
    await page.locator('.graphiql-query-editor .view-lines').getByText('latestPrice').first().waitFor();
    await page.getByRole('button', { name: /^Execute query/ }).click();
    await page.locator('.graphiql-response .view-lines').getByText('"data"').waitFor();
  }],
};

async function tryRule(page) {
  await button(page, 'Create rule').click();
  const form = dialog(page, 'Create rule');
  await form.getByRole('combobox', { name: 'Symbol', exact: true }).selectOption('AAPL');
  await form.getByRole('combobox', { name: 'Kind', exact: true }).selectOption({ label: 'Percent change' });
  await form.getByRole('textbox', { name: 'Threshold', exact: true }).fill('2.5');
  await form.getByRole('table', { name: 'Dry run firings' }).waitFor();
}

const note = 'Look at the news before you act.';
const [api, browser] = await Promise.all([
  startSample(ADMIN_TOKEN, { name: 'Large move', note, google: 'Google Inc.', REPLAY_FROM: '2012-04-02' }),
  launch(),
]);
try {
  for (const [size, options] of Object.entries(SIZES)) {
    const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
    for (const [name, [path, wait]] of Object.entries(SCENES)) {
      const page = await context.newPage();
      await page.goto(address(api, path));
      if (name !== 'graphiql') {
        await heading(page, /./).waitFor();
        await becomes(page, 'Live');
      }
      await wait(page);
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: `${folder}${name}-${size}.png`, animations: 'disabled' });
      await page.close();
    }
    await context.close();
  }
} finally {
  await browser.close();
  await api.stop();
}
