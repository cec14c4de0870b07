// The examples in Python: they print prices, and a restart of the server loses and repeats none.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../support/examples.js';
import { start, until } from '../support/program.js';
import { pricesBetween } from '../support/query.js';

const limit = { timeout: 60_000 };
const cwd = fileURLToPath(new URL('../../examples/python/', import.meta.url));
const python = `${cwd}.venv/bin/python`;
let api;
before(async () => {
  assert.ok(existsSync(python), `${python} is missing: run \`make web-test\``);
  api = await start({ REPLAY_SPEED: '5' });
}, limit);
after(async () => assert.equal(await api?.stop(), 0), limit);

/** Starts an example for two symbols, restarts the server, and compares the lines with what is stored. */
async function followsPrices(t, script, field, parse) {
  const { lines, child } = startProgram(t, python, [script, 'AAPL', 'IBM'], {
    cwd,
    env: { STOCK_TRACKER: new URL('/', api.graphql).origin },
  });
  const more = (count) => until(() => {
    assert.equal(child.exitCode, null, 'the example ended');
    return lines.length >= count;
  });
  await more(10);
  assert.equal(await api.restart(), 0);
  await more(lines.length + 10);
  const prices = lines.filter((line) => !line.startsWith('alert ')).map(parse);
  for (const symbol of ['AAPL', 'IBM']) {
    const [first, ...rest] = prices.filter((price) => price.symbol === symbol);
    const stored = await pricesBetween(api, symbol, first.cursor, rest.at(-1).cursor);
    assert.deepEqual(
      rest.map(({ price, cursor }) => ({ price: field(price), cursor })),
      stored.map(({ price, cursor }) => ({ price: field(price), cursor })),
    );
  }
}

test('gql follows prices', limit, (t) =>
  followsPrices(t, 'follow_graphql.py', String, (line) => {
    const [, symbol, price, cursor] = line.split(' ');
    return { symbol, price, cursor };
  }));

test('websockets follows prices', limit, (t) =>
  // A JSON number has no trailing zeros.
  followsPrices(t, 'follow_websocket.py', Number, (line) => {
    const [symbol, price, cursor] = line.split(' ');
    return { symbol, price, cursor };
  }));
