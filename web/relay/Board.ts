// The list of stocks, page by page, and what adds to it.
import { graphql } from 'relay-runtime';

export const board = graphql`
  query BoardQuery($count: Int!, $cursor: Cursor) {
    ...Board_stocks
    ...Board_alerts
  }
`;

export const stocks = graphql`
  fragment Board_stocks on Query @refetchable(queryName: "BoardStocksPaginationQuery") {
    stocks(first: $count, after: $cursor) @connection(key: "Board_stocks") {
      edges {
        node {
          ...Stock_stock
        }
      }
    }
  }
`;

export const alerts = graphql`
  fragment Board_alerts on Query @refetchable(queryName: "BoardAlertsPaginationQuery") {
    alerts(first: $count, after: $cursor) @connection(key: "Board_alerts") {
      totalCount
      edges {
        node {
          message
          triggeredAt
        }
      }
    }
  }
`;

export const track = graphql`
  mutation BoardTrackMutation($input: TrackStockInput!, $connections: [ID!]!) {
    trackStock(input: $input) {
      stock @appendNode(connections: $connections, edgeTypeName: "StockEdge") {
        ...Stock_stock
      }
    }
  }
`;

export const fired = graphql`
  subscription BoardAlertsSubscription($after: Cursor, $connections: [ID!]!) {
    alerts(after: $after) @prependNode(connections: $connections, edgeTypeName: "AlertEdge") {
      message
      triggeredAt
    }
  }
`;
