// One stock with its own lists, fetched again by its global id.
import { graphql } from 'relay-runtime';

export const stock = graphql`
  fragment Stock_stock on Stock
  @refetchable(queryName: "StockRefetchQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "Cursor" }) {
    symbol
    stale
    latestPrice {
      price
      changePercent
    }
    history(first: $count, after: $cursor) @connection(key: "Stock_history") {
      edges {
        node {
          price
          tradingDay
        }
      }
    }
  }
`;

export const alerts = graphql`
  fragment Stock_alerts on Stock
  @refetchable(queryName: "StockAlertsPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "Cursor" }) {
    alerts(last: $count, before: $cursor) @connection(key: "Stock_alerts") {
      edges {
        node {
          message
        }
      }
    }
  }
`;

export const anything = graphql`
  query StockAnythingQuery($id: ID!) {
    node(id: $id) {
      ...Stock_stock @alias
      ...Stock_alerts @alias
    }
  }
`;
