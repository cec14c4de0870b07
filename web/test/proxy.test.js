// Everything below a path of a proxy: each reference that an answer has leads to the right place.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { limit, start, until } from '../support/program.js';
import { below } from '../support/proxy.js';

let api;
let proxy;
before(async () => {
  api = await start();
  proxy = await below('/a/stocks', api.graphql);
}, limit);
after(async () => {
  proxy.stop();
  assert.equal(await api.stop(), 0);
}, limit);

/** The reference of an answer's link to the next page, as a URL. */
function next(response) {
  const [, reference] = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return reference && new URL(reference, response.url).href;
}

test('lists go on by their links', limit, async () => {
  const list = new URL('api/v1/stocks/aapl/history?limit=2', proxy.url);
  const first = await until(async () => {
    const response = await fetch(list);
    return next(response) && response;
  });
  const second = await fetch(next(first));
  assert.equal(second.status, 200);
  assert.ok(second.url.startsWith(`${proxy.url}api/v1/stocks/aapl/history?`), second.url);
  const [newer, older] = [await first.json(), await second.json()];
  assert.ok(newer.at(-1).trading_day > older[0].trading_day);
});

for (const path of ['', 'stocks/BTC%2FUSD', 'rules', 'graphiql', 'graphql', 'playground']) {
  test(`the page at /${path} names its files beside it`, limit, async () => {
    const page = await fetch(new URL(path, proxy.url), { headers: { accept: 'text/html' } });
    assert.equal(page.status, 200);
    const references = [...(await page.text()).matchAll(/(?:src|href)="(.*?)"/g)];
    assert.notEqual(references.length, 0, 'api has no console: run `make console`, then build it');
    for (const [, reference] of references) {
      const url = new URL(reference, page.url);
      assert.ok(url.href.startsWith(`${proxy.url}assets/`), url.href);
      assert.equal((await fetch(url)).status, 200, url.href);
    }
  });
}

test('the description has the address of the server', limit, async () => {
  const response = await fetch(new URL('api/v1/openapi.json', proxy.url));
  const { servers, paths } = await response.json();
  const server = new URL(servers[0].url, response.url).href;
  for (const path of Object.keys(paths)) {
    const location = server.replace(/\/$/, '') + path.replace('{symbol}', 'AAPL');
    assert.equal((await fetch(location)).status, 200, location);
  }
});

test('sockets open', limit, async () => {
  const ws = new WebSocket(new URL('ws', proxy.url.replace('http', 'ws')));
  const frame = await new Promise((resolve, reject) => {
    ws.onerror = (event) => reject(event.error);
    ws.onmessage = (event) => resolve(JSON.parse(event.data));
  });
  ws.close();
  assert.ok(['stock_update', 'alert'].includes(frame.type));
});
