// Relay's compiler: connections that it can page through, objects that it can fetch again, lists that mutations and
// subscriptions add to.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import relay from 'relay-compiler';
import { limit, start } from '../support/program.js';
import { ask } from '../support/query.js';
import { scratch } from '../support/scratch.js';

const schema = await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8');
const sources = new URL('../relay', import.meta.url);

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

/** Compiles `relay/` against a schema, and returns the exit code, the output, and the texts to send by name. */
async function compile(t, schema) {
  const folder = await scratch(t);
  await cp(sources, join(folder, 'src'), { recursive: true });
  await mkdir(join(folder, 'made'));
  await writeFile(join(folder, 'made', 'persisted.json'), '{}');
  await writeFile(join(folder, 'schema.graphql'), schema);
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify({
    src: 'src',
    schema: 'schema.graphql',
    language: 'typescript',
    artifactDirectory: 'made',
    persistConfig: { file: 'made/persisted.json', algorithm: 'SHA256' },
    customScalarTypes: {
      Cursor: 'string',
      Date: 'string',
      DateTime: 'string',
      Decimal: 'string',
      Int64: 'number',
      Symbol: 'string',
    },
    typescriptExcludeUndefinedFromNullableUnion: true,
    eagerEsModules: true,
  }));
  const child = spawn(relay, ['relay.config.json'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [printed, failed, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((exit) => child.on('exit', exit)),
  ]);
  const made = (await readdir(join(folder, 'made'))).filter((name) => name.endsWith('.graphql.ts'));
  const texts = code ? {} : JSON.parse(await readFile(join(folder, 'made', 'persisted.json'), 'utf8'));
  return { code, output: printed + failed, made, texts: Object.values(texts) };
}

test('its connections, refetches and updaters compile, and what it made is served', limit, async (t) => {
  const { code, output, made, texts } = await compile(t, schema);
  assert.equal(code, 0, output);
  for (const name of ['BoardQuery', 'BoardStocksPaginationQuery', 'StockRefetchQuery', 'BoardTrackMutation']) {
    assert.ok(made.includes(`${name}.graphql.ts`), `${name} of ${made}`);
  }
  const { stock } = await ask(api, '{ stock(symbol: "IBM") { id } }');
  const queries = texts.filter((it) => it.startsWith('query'));
  assert.equal(queries.length, 6);
  for (const query of queries) {
    const data = await ask(api, query, { id: stock.id, count: 2 });
    assert.ok(Object.keys(data).length);
    if ('node' in data) assert.equal(data.node.id, stock.id);
  }
});

test('a connection without its page is refused, and so is an object without its id', limit, async (t) => {
  const paged = /(type PriceConnection \{[^}]*)pageInfo: PageInfo!/;
  assert.match(schema, paged);
  const unpaged = await compile(t, schema.replace(paged, '$1pages: PageInfo!'));
  assert.notEqual(unpaged.code, 0);
  assert.match(unpaged.output, /pageInfo|PageInfo/);
  const bare = await compile(t, schema.replaceAll(' implements Node', ''));
  assert.notEqual(bare.code, 0);
  assert.match(bare.output, /Stock/);
});
