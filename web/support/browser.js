// Debian's Chromium, and pages that must not report anything.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

/** Starts the browser. Root, as in a container, cannot use its sandbox. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid() !== 0,
    args: ['--disable-dev-shm-usage'],
  });
}

/**
 * Opens a page in a context of its own. `faults` collects what no page may do: errors on the console and
 * in scripts, violations of the Content-Security-Policy, requests to other origins, failed requests.
 */
export async function openPage(t, browser, { origins, expected = [], ...options } = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  // On a busy machine, a page may need more than Playwright's default of 30 s.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const faults = [];
  const fault = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      fault(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => fault(`script: ${error.stack ?? error}`));
  const foreign = (url) => origins && /^(https?|wss?):/.test(url)
    && !origins.some((origin) => new URL(origin).host === new URL(url).host);
  context.on('request', (request) => foreign(request.url()) && fault(`request: ${request.url()}`));
  const sockets = [];
  page.on('websocket', (socket) => {
    sockets.push(socket);
    if (foreign(socket.url())) fault(`websocket: ${socket.url()}`);
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`Content-Security-Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  });
  t.after(() => assert.deepEqual(faults, []));
  return { page, context, faults, sockets };
}
