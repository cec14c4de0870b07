import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { buildSchema, parse, validate } from 'graphql';
import { EXAMPLES } from '../src/graphiql/examples.ts';
import { withoutHeaders } from '../src/graphiql/storage.ts';

test('the examples of GraphiQL are valid', () => {
  // `npm test` runs in the directory of the package.
  const schema = buildSchema(readFileSync('../../schema.graphql', 'utf8'));
  for (const { query, variables } of EXAMPLES) {
    assert.deepEqual(validate(schema, parse(query)), [], query);
    assert.doesNotThrow(() => JSON.parse(variables ?? '{}'));
  }
});

/** A storage in memory. */
class TestStorage implements Storage {
  [name: string]: unknown;
  #values = new Map<string, string>();

  get length(): number {
    return this.#values.size;
  }

  clear(): void {
    this.#values.clear();
  }

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  key(index: number): string | null {
    return [...this.#values.keys()][index] ?? null;
  }

  removeItem(key: string): void {
    this.#values.delete(key);
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, value);
  }
}

test('headers are never stored, and everything else is', () => {
  const stored = new TestStorage();
  const storage = withoutHeaders(stored);
  const headers = '{ "Authorization": "Bearer hunter2" }';
  const variables = '{ "headers": "stay" }';
  const tab = { id: '1', query: '{ stocks { totalCount } }', variables, headers };
  storage.setItem('graphiql:tabState', JSON.stringify({ activeTabIndex: 0, tabs: [tab] }));
  storage.setItem('graphiql:queries', JSON.stringify({ queries: [tab] }));
  storage.setItem('graphiql:favorites', JSON.stringify({ favorites: [tab] }));
  storage.setItem('graphiql:headers', headers);
  storage.setItem('graphiql:variables', variables);
  storage.setItem('graphiql:query', tab.query);

  assert.equal(storage.length, 5);
  const withoutToken = { ...tab, headers: null };
  assert.deepEqual(JSON.parse(storage.getItem('graphiql:tabState')!), { activeTabIndex: 0, tabs: [withoutToken] });
  assert.deepEqual(JSON.parse(storage.getItem('graphiql:queries')!), { queries: [withoutToken] });
  assert.deepEqual(JSON.parse(storage.getItem('graphiql:favorites')!), { favorites: [withoutToken] });
  assert.equal(storage.getItem('graphiql:headers'), null);
  assert.equal(storage.getItem('graphiql:variables'), variables);
  assert.equal(storage.getItem('graphiql:query'), tab.query);
  storage.removeItem('graphiql:query');
  assert.equal(storage.getItem('graphiql:query'), null);
});
