// GraphQL over HTTP, by graphql-http's audits.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { limit, start } from '../support/program.js';

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const audits = serverAudits({ url: () => api.graphql });

test('there are 61 audits', () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, limit, async () => {
    const { status, reason } = await audit.fn();
    assert.equal(status, 'ok', reason);
  });
}
