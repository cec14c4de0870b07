// A server that requires a token to read.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { connect } from '../dist/index.js';
import { limit, start, until } from '../../support/program.js';

let api;
before(async () => (api = await start({ READ_TOKEN: 'of-the-readers' })), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

const PRICES = 'subscription ($after: Cursor) { priceUpdates(after: $after) { symbol price cursor } }';

for (const [what, first] of [['wrong', 'another'], ['missing', null]]) {
  test(`a ${what} token is refused until there is another one`, limit, async (t) => {
    let token = first;
    let connections = 0;
    const connection = connect({
      url: api.graphql,
      webSocketImpl: WebSocket,
      retryWait: () => 10,
      token() {
        connections += 1;
        return token;
      },
    });
    t.after(() => connection.close());
    const prices = [];
    connection.follow({ query: PRICES, next: (price) => prices.push(price) });
    await until(() => connection.state.status === 'refused');
    assert.equal(connections, 1);
    token = 'of-the-readers';
    connection.reconnect();
    await until(() => prices.length >= 5);
    assert.equal(connection.state.status, 'live');
    assert.equal(connections, 2);
  });
}
