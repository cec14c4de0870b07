// Queries the `api` with fetch alone, to compare what clients received with what is stored.
import assert from 'node:assert/strict';

/** The data of a query, which must have no error. */
export async function ask(api, query, variables) {
  const response = await fetch(api.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

/** Every stored price of a symbol after a cursor up to another one, oldest first. */
export async function pricesBetween(api, symbol, after, last) {
  const prices = [];
  for (let before = after; prices.at(-1)?.cursor !== last; before = prices.at(-1).cursor) {
    // Lists are newest first: prices after a cursor in time are before it in the list.
    const { history } = await ask(
      api,
      `query ($symbol: Symbol!, $before: Cursor) {
        history(symbol: $symbol, last: 500, before: $before) { nodes { symbol price tradingDay cursor } }
      }`,
      { symbol, before },
    );
    const page = history.nodes.reverse();
    assert.notEqual(page.length, 0, `${last} is not stored after ${after}`);
    const end = page.findIndex((price) => price.cursor === last);
    prices.push(...(end < 0 ? page : page.slice(0, end + 1)));
  }
  return prices;
}
