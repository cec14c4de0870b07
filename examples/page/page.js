import { createClient } from 'graphql-ws';

const query = `subscription ($after: Cursor) {
  priceUpdates(after: $after, mode: ALL) { symbol price changePercent tradingDay cursor }
}`;
// The variables are sent again with each new connection.
const variables = { after: null };

const api = await (await fetch('/api')).json();
const state = document.querySelector('#state');
const client = createClient({
  url: api.url,
  // A server that is starting refuses connections.
  shouldRetry: () => true,
  retryAttempts: Infinity,
  retryWait: (retries) => new Promise((retry) => setTimeout(retry, Math.min(100 * 2 ** retries, 5_000))),
  keepAlive: 10_000,
  on: {
    connected: () => (state.textContent = 'Live'),
    closed: () => (state.textContent = 'Reconnecting…'),
  },
});

function subscribe() {
  client.subscribe({ query, variables }, {
    next({ data, errors }) {
      if (!data) return fail(errors);
      variables.after = data.priceUpdates.cursor;
      show(data.priceUpdates);
    },
    error: fail,
    complete() {},
  });
}

/** The server rejects the subscription with a list of errors. A closed connection is an event. */
function fail(error) {
  const [first] = Array.isArray(error) ? error : [];
  if (first?.extensions?.reason === 'CURSOR_EXPIRED') {
    // The prices after the cursor were deleted: continue with the latest ones.
    variables.after = null;
    subscribe();
  } else {
    state.textContent = first?.message ?? error.reason ?? String(error);
  }
}

function show({ symbol, price, changePercent, tradingDay, cursor }) {
  const latest = document.querySelector('#latest');
  const row = latest.querySelector(`[data-symbol="${CSS.escape(symbol)}"]`) ?? latest.insertRow();
  row.dataset.symbol = symbol;
  row.replaceChildren(...[symbol, price, changePercent ?? '–'].map((text) => {
    const cell = document.createElement('td');
    cell.textContent = text;
    return cell;
  }));
  const item = document.createElement('li');
  item.dataset.cursor = cursor;
  item.textContent = `${tradingDay} ${symbol} ${price}`;
  document.querySelector('#history').append(item);
}

subscribe();
