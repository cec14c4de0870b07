/** A tab of GraphiQL. */
interface Tab {
  query: string;
  variables?: string;
}

const QUERY = `# Stocks with their latest price.
# Run it with Ctrl+Enter.
#
# If the server requires a token to read, enter it in
# "Headers" below, then re-fetch the schema (left):
#   { "Authorization": "Bearer …" }

query Stocks($first: Int) {
  stocks(first: $first) {
    nodes {
      symbol
      name
      latestPrice {
        price
        changePercent
        tradingDay
        recordedAt
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const SUBSCRIPTION = `# The latest price of each stock, then every new one.
#
# To resume without a gap, copy the last cursor into
# the variable "after", and run it again.
# Some stocks only: "symbols": ["AAPL", "IBM"]

subscription Prices($symbols: [Symbol!], $after: Cursor) {
  priceUpdates(symbols: $symbols, after: $after) {
    symbol
    price
    changePercent
    tradingDay
    cursor
  }
}
`;

const MUTATION = `# Tracks a stock, or returns it if it is tracked.
#
# Mutations require the admin token, in "Headers":
#   { "Authorization": "Bearer …" }

mutation TrackStock($input: TrackStockInput!) {
  trackStock(input: $input) {
    stock {
      symbol
      name
      tracked
      note
      latestPrice {
        price
      }
    }
  }
}
`;

/** The tabs of a browser that has stored none. */
export const EXAMPLES: Tab[] = [
  { query: QUERY, variables: JSON.stringify({ first: 10 }, null, 2) },
  { query: SUBSCRIPTION, variables: JSON.stringify({ symbols: null, after: null }, null, 2) },
  { query: MUTATION, variables: JSON.stringify({ input: { symbol: 'AAPL' } }, null, 2) },
];
