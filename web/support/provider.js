// A substitute for Alpha Vantage: it has a price of MSFT, and never responds to a request for another symbol.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const recorded = new URL('../../tracker/tests/fixtures/alpha_vantage/quote.json', import.meta.url);

/** Starts it. Returns the settings that make the program use it. */
export async function startProvider() {
  const quote = await readFile(recorded);
  const waiting = new Set();
  const server = createServer((request, response) => {
    const symbol = new URL(request.url, 'http://localhost').searchParams.get('symbol');
    if (symbol === 'MSFT') {
      response.setHeader('content-type', 'application/json');
      response.end(quote);
    } else {
      waiting.add(symbol);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    variables: {
      ALPHA_VANTAGE_API_KEY: 'of-the-tests',
      ALPHA_VANTAGE_URL: `http://127.0.0.1:${server.address().port}`,
      DEFAULT_SYMBOLS: 'MSFT',
      MARKET_HOURS: 'always',
    },
    /** Whether a request for the symbol waits for its response. */
    keepsWaiting: (symbol) => waiting.has(symbol),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
