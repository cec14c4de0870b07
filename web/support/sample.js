// Servers with one of everything that the console shows, for tests of its appearance.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { start, until } from './program.js';
import { ask } from './query.js';

/** A name that would be markup, if it was not shown as text. */
export const HOSTILE = '<img src="x" onerror="alert(1)"><b data-hostile>&amp;</b>';

/** The last day of the bundled prices. */
export const LAST_DAY = '2013-03-01';

/** Starts a server whose prices do not change any more. `prepare` may change it before most prices arrive. */
export async function startStill(variables, prepare = async () => {}) {
  const days = { REPLAY_FROM: '2013-01-02', REPLAY_SPEED: '0.01', REPLAY_LOOP: 'false' };
  const api = await start({ ...days, WEBHOOK_ALLOW_PRIVATE: 'true', ...variables });
  await prepare(api);
  await api.end();
  await api.startAgain({ REPLAY_SPEED: 'max' });
  await until(async () => {
    const { stocks } = await ask(api, '{ stocks { nodes { latestPrice { tradingDay } } } }');
    return stocks.nodes.length > 0 && stocks.nodes.every((it) => it.latestPrice?.tradingDay === LAST_DAY);
  });
  return api;
}

/** Starts a server with rules of several kinds, alerts, a webhook that fails, and names of stocks. */
export async function startSample(token, { name, note, google = note, ...variables }) {
  const change = changer(token);
  const api = await startStill({ ADMIN_TOKEN: token, ...variables }, async (started) => {
    const rule = (input) => change(started, CREATE_RULE, { input });
    await rule({ symbol: 'AAPL', kind: 'PRICE_ABOVE', threshold: '450' });
    await rule({ symbol: 'IBM', kind: 'CROSSES_BELOW', threshold: '190.5', name: 'IBM falls', note: 'Read the news first.' });
    await rule({ kind: 'PERCENT_CHANGE', threshold: '3', name, note });
    const names = { AAPL: 'Apple Inc.', GOOG: google, IBM: 'International Business Machines', MSFT: 'Microsoft Corporation' };
    for (const stock of Object.entries(names)) await change(started, RENAME, { symbol: stock[0], name: stock[1] });
    const url = await startReceiver();
    const input = { url, format: 'STANDARD', symbols: ['IBM'], description: 'To my server' };
    const { createWebhook } = await change(started, CREATE_WEBHOOK, { input });
    await change(started, 'mutation ($id: ID!) { testWebhook(input: { id: $id }) { delivered } }', { id: createWebhook.webhook.id });
  });
  const { alerts } = await ask(api, '{ alerts(first: 2) { nodes { id } } }');
  await change(api, 'mutation ($id: ID!) { acknowledgeAlert(input: { id: $id }) { alert { id } } }', { id: alerts.nodes[1].id });
  return api;
}

/** Starts a receiver of alerts, which refuses some, and returns its URL. It does not keep the process alive. */
async function startReceiver() {
  let received = 0;
  const server = createServer((request, response) => {
    received += 1;
    request.resume().on('end', () => response.writeHead(received % 4 ? 204 : 503).end());
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}/alerts/of-the-tests`;
}

const CREATE_RULE = `mutation ($input: CreateAlertRuleInput!) {
  createAlertRule(input: $input) { alertRule { id } }
}`;
const RENAME = `mutation ($symbol: Symbol!, $name: String!) {
  trackStock(input: { symbol: $symbol, name: $name }) { stock { id } }
}`;
const CREATE_WEBHOOK = `mutation ($input: CreateWebhookInput!) {
  createWebhook(input: $input) { webhook { id } }
}`;

const changer = (token) => async (api, query, variables) => {
  const response = await fetch(api.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
};
