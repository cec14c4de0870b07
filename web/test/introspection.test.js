// The schema as tools read it: introspection returns what is in schema.graphql.
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

test('introspection with every option returns the committed schema', limit, async () => {
  const introspected = buildClientSchema(await ask(api, getIntrospectionQuery(options)));
  assert.deepEqual(validateSchema(introspected), []);
  // The library adds a description of the whole schema, which is not in the file.
  const text = (schema) =>
    printSchema(lexicographicSortSchema(new GraphQLSchema({ ...schema.toConfig(), description: null })));
  assert.equal(text(introspected), text(buildSchema(committed)));
  assert.match(text(introspected), /scalar Cursor @specifiedBy\(url: "https:/);
});

for (const option of Object.keys(options)) {
  test(`introspection without ${option}`, limit, async () => {
    const query = getIntrospectionQuery({ ...options, [option]: false });
    assert.ok(buildClientSchema(await ask(api, query)).getQueryType());
  });
}
