// The REST API against its own description, by Schemathesis: every response must be one that is described.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { start, until } from '../support/program.js';
import { scratch } from '../support/scratch.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const limit = { timeout: 300_000 };
const TOKEN = 'reader-of-the-tests-0123456789';

/** Starts a server with these settings and runs these phases of Schemathesis, with a description that `edit` may change.
 * Prints the failures, and returns whether there are none. */
async function passes(t, phases, { variables = {}, edit = () => {} } = {}) {
  const days = { REPLAY_FROM: '2013-01-02', REPLAY_SPEED: 'max', REPLAY_LOOP: 'false' };
  const api = await start({ ...days, ...variables });
  t.after(async () => assert.equal(await api.stop(), 0));
  const get = (path) => fetch(api.rest + path, variables.READ_TOKEN && { headers: { authorization: `Bearer ${TOKEN}` } });
  const cursor = async (list) =>
    /[?&]after=([^&>]+)/.exec((await get(`${list}?limit=1`)).headers.get('link'))?.[1];
  await until(() => cursor('/alerts'));
  const lists = ['AAPL', 'GOOG', 'IBM', 'MSFT'].flatMap((it) => [`/stocks/${it}/history`, `/stocks/${it}/alerts`]);
  const CURSORS = {};
  for (const list of [...lists, '/alerts']) CURSORS[`/api/v1${list}`] = await cursor(list);
  const description = join(await scratch(t), 'openapi.json');
  const document = await (await get('/openapi.json')).json();
  edit(document);
  await writeFile(description, JSON.stringify(document));
  const schemathesis = spawn(
    '.venv/bin/schemathesis',
    [
      '--config-file=schemathesis.toml',
      'run',
      '--no-color',
      `--phases=${phases}`,
      `--url=${new URL('/', api.rest)}`,
      description,
    ],
    { cwd: here, env: { ...process.env, CURSORS: JSON.stringify(CURSORS) }, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const [code] = await once(schemathesis, 'exit');
  return code === 0;
}

test('every response is described', limit, async (t) => {
  assert.ok(await passes(t, 'coverage,fuzzing'));
});

test('so are refusals without a token', limit, async (t) => {
  assert.ok(await passes(t, 'coverage', { variables: { READ_TOKEN: TOKEN } }));
});

test('so are refusals of too many requests', limit, async (t) => {
  assert.ok(await passes(t, 'coverage', { variables: { RATE_LIMIT: '100' } }));
});

test('a wrong description is a failure', limit, async (t) => {
  const edit = ({ components }) => (components.schemas.Stock.properties.symbol.type = 'integer');
  assert.equal(await passes(t, 'coverage', { edit }), false);
});
