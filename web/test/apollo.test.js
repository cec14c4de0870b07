// Apollo Client: queries, mutations, errors, its normalised cache, pages, persisted queries, subscriptions.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import { firstValueFrom, take, toArray } from 'rxjs';
import WebSocket from 'ws';
import { limit, start, until } from '../support/program.js';
import { startProvider } from '../support/provider.js';
import { ask } from '../support/query.js';

// Apollo's link knows a broken socket by the browser's class, which Node.js has from version 22 on.
globalThis.WebSocket ??= WebSocket;

let api;
before(async () => (api = await start()), limit);
after(async () => assert.equal(await api.stop(), 0), limit);

/** The errors of a request, which must fail. */
const errorsOf = async (promise) => {
  const error = await promise.then(() => assert.fail('it succeeded'), (it) => it);
  assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
  return error.errors;
};

/** A client whose requests over HTTP are listed in `sent`. */
function connect({ token, typePolicies, links = [], to = api } = {}) {
  const sent = [];
  const http = new HttpLink({
    uri: to.graphql,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    fetch: (url, init) => {
      sent.push({ url: new URL(url), method: init.method, body: init.body });
      return fetch(url, init);
    },
  });
  const cache = new InMemoryCache({ typePolicies });
  const client = new ApolloClient({ link: ApolloLink.from([...links, http]), cache });
  return Object.assign(client, { sent });
}

const STOCKS = gql`{ stocks { nodes { id symbol name tracked } } }`;
const UNTRACK = gql`mutation ($symbol: Symbol!) {
  untrackStock(input: { symbol: $symbol }) { stock { id tracked } }
}`;
const TRACK = gql`mutation ($symbol: Symbol!) {
  trackStock(input: { symbol: $symbol }) { stock { id tracked } }
}`;

test('a query', limit, async () => {
  const { data } = await connect().query({ query: STOCKS });
  assert.deepEqual(data.stocks.nodes.map((it) => it.symbol), ['AAPL', 'GOOG', 'IBM', 'MSFT']);
});

test('a field that fails leaves the rest of the data', limit, async () => {
  const { data, error } = await connect().query({
    query: gql`{ status { version } node(id: "?") { id } }`,
    errorPolicy: 'all',
  });
  assert.deepEqual([typeof data.status.version, data.node, error], ['string', null, undefined]);
  const [unknown] = await errorsOf(connect().query({
    query: gql`{ history(symbol: "NONE") { nodes { price } } }`,
  }));
  assert.equal(unknown.extensions.code, 'NOT_FOUND');
  assert.deepEqual(unknown.path, ['history']);
});

test('a refused request has a reason', limit, async () => {
  const refused = async (query, variables) => {
    const [{ extensions, path }] = await errorsOf(connect().query({ query, variables }));
    assert.equal(path, undefined);
    return extensions.code;
  };
  assert.equal(await refused(gql`{ colour }`), 'GRAPHQL_VALIDATION_FAILED');
  const byId = gql`query ($symbol: Symbol!) { stock(symbol: $symbol) { id } }`;
  assert.equal(await refused(byId, { symbol: 'not a symbol' }), 'BAD_USER_INPUT');
  assert.equal(await refused(byId, {}), 'BAD_USER_INPUT');
});

test('a mutation needs the admin token, and a wrong one opens nothing', limit, async () => {
  const change = (token) => connect({ token }).mutate({
    mutation: UNTRACK,
    variables: { symbol: 'MSFT' },
  });
  const [anonymous] = await errorsOf(change());
  assert.equal(anonymous.extensions.code, 'UNAUTHENTICATED');
  assert.deepEqual(anonymous.path, ['untrackStock']);
  const [wrong] = await errorsOf(change('wrong'));
  assert.equal(wrong.extensions.code, 'UNAUTHENTICATED');
  assert.equal(wrong.path, undefined);
});

test('a watched query sees what mutations and other queries say of its stocks', limit, async () => {
  const client = connect({ token: api.token });
  const watched = client.watchQuery({ query: STOCKS });
  const shown = [];
  const watching = watched.subscribe(({ data, dataState }) => dataState === 'complete' && shown.push(data));
  const tracked = (symbol, value) => until(() =>
    shown.at(-1)?.stocks.nodes.find((it) => it.symbol === symbol)?.tracked === value);
  await tracked('GOOG', true);
  const variables = { symbol: 'GOOG' };
  await client.mutate({ mutation: UNTRACK, variables });
  await tracked('GOOG', false);
  // Another client changes it back; the response to another query updates this one.
  await connect({ token: api.token }).mutate({ mutation: TRACK, variables });
  await tracked('GOOG', false);
  const query = gql`query ($symbol: Symbol!) { stock(symbol: $symbol) { id tracked exchange } }`;
  await client.query({ query, variables });
  await tracked('GOOG', true);
  watching.unsubscribe();
  assert.equal(shown.length, 3);
  assert.equal(client.sent.filter(({ body }) => body.includes('stocks')).length, 1);
});

test('pages are merged by their cursors', limit, async () => {
  const symbol = 'AAPL';
  await until(async () => (await ask(api, '{ history(symbol: "AAPL", first: 6) { nodes { price } } }'))
    .history.nodes.length === 6);
  const policies = { Query: { fields: { history: relayStylePagination(['symbol', 'to']) } } };
  const client = connect({ typePolicies: policies });
  const query = gql`query ($symbol: Symbol!, $to: DateTime, $first: Int, $after: Cursor) {
    history(symbol: $symbol, to: $to, first: $first, after: $after) {
      edges { cursor node { price cursor tradingDay } }
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    }
  }`;
  // Nothing becomes newer than what is read.
  const [newest] = (await ask(api, '{ history(symbol: "AAPL", first: 1) { nodes { recordedAt } } }')).history.nodes;
  const variables = { symbol, to: newest.recordedAt };
  const watched = client.watchQuery({ query, variables: { ...variables, first: 2 } });
  const pages = [];
  const watching = watched.subscribe(({ data, dataState }) => dataState === 'complete' && pages.push(data.history));
  await until(() => pages.length === 1);
  await watched.fetchMore({ variables: { after: pages[0].pageInfo.endCursor } });
  await until(() => pages.at(-1).edges.length === 4);
  watching.unsubscribe();
  const [first, both] = [pages[0], pages.at(-1)];
  const { data: { history: whole } } = await connect().query({ query, variables: { ...variables, first: 4 } });
  assert.deepEqual(both.edges, whole.edges);
  assert.deepEqual(both.pageInfo, whole.pageInfo);
  assert.equal(first.pageInfo.startCursor, both.pageInfo.startCursor);
});

test('queries are persisted by their hashes and then read by GET', limit, async () => {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const persisted = () => new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const query = gql`query Persisted { stocks(search: "app") { nodes { symbol } } }`;
  const first = connect({ links: [persisted()] });
  const { data } = await first.query({ query });
  assert.deepEqual(data.stocks.nodes.map((it) => it.symbol), ['AAPL']);
  assert.deepEqual(first.sent.map((it) => it.method), ['GET', 'POST']);
  const second = connect({ links: [persisted()] });
  assert.deepEqual((await second.query({ query })).data, data);
  assert.deepEqual(second.sent.map((it) => it.method), ['GET']);
  assert.equal(second.sent[0].url.searchParams.has('query'), false, 'the text is not sent');
  // A mutation is never read by GET.
  const changing = connect({ token: api.token, links: [persisted()] });
  await changing.mutate({ mutation: TRACK, variables: { symbol: 'IBM' } });
  assert.deepEqual(new Set(changing.sent.map((it) => it.method)), new Set(['POST']));
});

/** A client whose subscriptions go over a socket, and everything else over HTTP. */
function connectBoth(t) {
  const socket = createClient({ url: api.graphql, webSocketImpl: WebSocket, retryAttempts: 0 });
  t.after(() => socket.dispose());
  const split = ApolloLink.split(
    ({ query }) => getMainDefinition(query).operation === 'subscription',
    new GraphQLWsLink(socket),
  );
  return connect({ links: [split] });
}

test('subscriptions go over the socket, everything else over HTTP', limit, async (t) => {
  const client = connectBoth(t);
  const query = gql`subscription { priceUpdates(symbols: ["IBM"], mode: ALL) {
    price cursor stock { id latestPrice { price cursor } }
  } }`;
  const results = await firstValueFrom(client.subscribe({ query }).pipe(take(3), toArray()));
  const cursors = results.map(({ data }) => data.priceUpdates.cursor);
  assert.equal(new Set(cursors).size, 3);
  assert.equal(client.sent.length, 0);
  await client.query({ query: STOCKS });
  assert.equal(client.sent.length, 1);
  // A refusal is the first event.
  const refused = gql`subscription { priceUpdates(symbols: ["NONE"]) { price } }`;
  const { error } = await firstValueFrom(client.subscribe({ query: refused }));
  assert.equal(error.errors[0].extensions.code, 'NOT_FOUND');
});

test('an event of a subscription updates the queries of its stock', limit, async (t) => {
  const client = connectBoth(t);
  const shown = client.watchQuery({
    query: gql`{ stock(symbol: "AAPL") { id latestPrice { price cursor } } }`,
  });
  const cursors = new Set();
  const watching = shown.subscribe(({ data, dataState }) =>
    dataState === 'complete' && cursors.add(data.stock.latestPrice.cursor));
  const following = client.subscribe({
    query: gql`subscription { priceUpdates(symbols: ["AAPL"]) {
      cursor stock { id latestPrice { price cursor } }
    } }`,
  }).subscribe();
  await until(() => cursors.size === 4);
  following.unsubscribe();
  watching.unsubscribe();
  assert.equal(client.sent.length, 1, 'one request');
});

test('a request that is aborted ends', limit, async (t) => {
  const provider = await startProvider();
  const slow = await start(provider.variables);
  t.after(async () => {
    provider.stop();
    assert.equal(await slow.stop(), 0);
  });
  const client = connect({ token: slow.token, to: slow });
  const abort = new AbortController();
  const tracked = client.mutate({
    mutation: TRACK,
    variables: { symbol: 'SLOW' },
    context: { fetchOptions: { signal: abort.signal } },
  });
  const ended = assert.rejects(tracked, { name: 'AbortError' });
  await until(() => provider.keepsWaiting('SLOW'));
  abort.abort();
  await ended;
  const { data } = await client.query({ query: STOCKS });
  assert.ok(data.stocks.nodes.some((it) => it.symbol === 'MSFT'));
});
