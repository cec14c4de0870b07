// The schema as tools read it: what introspection tells is what schema.graphql says.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import {
  GraphQLSchema,
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
  validateSchema,
} from 'graphql';
import { limit, start } from '../support/program.js';
import { ask } from '../support/query.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const committed = await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8');

const options = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
};

test('introspection with every option tells the committed schema', limit, async () => {
  const told = buildClientSchema(await ask(api, getIntrospectionQuery(options)));
  assert.deepEqual(validateSchema(told), []);
  // As a whole every schema is described by the library's one sentence, which is not in the file.
  const text = (schema) =>
    printSchema(lexicographicSortSchema(new GraphQLSchema({ ...schema.toConfig(), description: null })));
  assert.equal(text(told), text(buildSchema(committed)));
  assert.match(text(told), /scalar Cursor @specifiedBy\(url: "https:/);
});

for (const option of Object.keys(options)) {
  test(`introspection without ${option}`, limit, async () => {
    const query = getIntrospectionQuery({ ...options, [option]: false });
    assert.ok(buildClientSchema(await ask(api, query)).getQueryType());
  });
}
