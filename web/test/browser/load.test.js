// The board with 1,000 symbols at 100 prices a second.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../../support/browser.js';
import { becomes, limit, openConsole, table, WHILE_AWAY } from '../../support/console.js';
import { start } from '../../support/program.js';

const SYMBOLS = 1_000;
const SECONDS = 10;

let browser;
before(async () => (browser = await launch()), limit);
after(() => browser?.close());

test('1,000 symbols at 100 prices a second are drawn smoothly', limit, async (t) => {
  const api = await start({
    PROVIDER: 'simulated',
    SIMULATED_SYMBOLS: String(SYMBOLS),
    SIMULATED_RATE: '100',
    // Prices alone: no alert fires.
    ALERT_THRESHOLD: '1000',
  });
  t.after(async () => assert.equal(await api.stop(), 0));
  const { page, context, sockets } = await openConsole(t, browser, api, null, {
    // The server stops before the page.
    expected: WHILE_AWAY,
  });
  const received = [];
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => received.push(payload)));
  await page.goto(new URL('/', api.graphql).href);
  await becomes(page, 'Live');
  await table(page, 'Stocks').getByRole('rowheader').nth(SYMBOLS - 1).waitFor({ state: 'attached' });

  const devTools = await context.newCDPSession(page);
  await devTools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const busy = async () => {
    const { metrics } = await devTools.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  };
  const prices = () => received.filter((text) => text.includes('priceUpdates')).length;
  const [busyBefore, pricesBefore] = [await busy(), prices()];
  const frames = await page.evaluate((seconds) => new Promise((resolve) => {
    const times = [];
    const end = performance.now() + seconds * 1_000;
    requestAnimationFrame(function next(now) {
      times.push(now);
      if (now < end) requestAnimationFrame(next);
      else resolve(times.slice(1).map((time, at) => time - times[at]).sort((left, right) => left - right));
    });
  }), SECONDS);
  const load = (await busy() - busyBefore) / SECONDS;
  const rate = (prices() - pricesBefore) / SECONDS;
  const percentile = (part) => frames[Math.min(frames.length - 1, Math.floor(frames.length * part))];
  t.diagnostic(`${(frames.length / SECONDS).toFixed(1)} frames a second, p50 ${percentile(0.5).toFixed(1)} ms, `
    + `p99 ${percentile(0.99).toFixed(1)} ms; ${rate.toFixed(0)} prices a second; `
    + `${(load * 100).toFixed(0)} % of the page's thread`);
  assert.equal(sockets.length, 1);
  assert.ok(rate > 50, `${rate} prices a second arrived`);
  // A busy machine delays frames, but does not make the work of the page more. On a quiet one: 60 frames a second.
  assert.ok(load < 0.4, `${load} of the page's thread is used`);
  assert.ok(percentile(0.5) < 100, `half of the frames take ${percentile(0.5)} ms`);
});
