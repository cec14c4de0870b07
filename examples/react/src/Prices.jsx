import { gql } from '@apollo/client';
import { useQuery, useSubscription } from '@apollo/client/react';
import { useState, useSyncExternalStore } from 'react';
import { connection } from './client.js';

const STOCKS = gql`
  query Stocks {
    stocks(first: 100) { nodes { id symbol latestPrice { price changePercent } } }
  }
`;
const PRICES = gql`
  subscription Prices($after: Cursor) {
    priceUpdates(after: $after, mode: ALL) {
      symbol price tradingDay cursor
      stock { id latestPrice { price changePercent } }
    }
  }
`;

export function Prices() {
  const live = useSyncExternalStore(connection.subscribe, () => connection.live);
  const [history, setHistory] = useState([]);
  const { data } = useQuery(STOCKS);
  const { error } = useSubscription(PRICES, {
    onData: ({ data: { data: { priceUpdates: price } } }) => setHistory((before) => [...before, price]),
  });
  return (
    <>
      <h1>Prices</h1>
      <p role="status">{error?.message ?? (live ? 'Live' : 'Reconnecting…')}</p>
      <table>
        <thead>
          <tr><th scope="col">Symbol</th><th scope="col">Price</th><th scope="col">Change %</th></tr>
        </thead>
        <tbody>
          {data?.stocks.nodes.map(({ id, symbol, latestPrice }) => (
            <tr key={id} data-symbol={symbol}>
              <td>{symbol}</td>
              <td>{latestPrice?.price ?? '–'}</td>
              <td>{latestPrice?.changePercent ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h2>History</h2>
      <ol>
        {history.map(({ cursor, symbol, price, tradingDay }) => (
          <li key={cursor} data-cursor={cursor}>{tradingDay} {symbol} {price}</li>
        ))}
      </ol>
    </>
  );
}
