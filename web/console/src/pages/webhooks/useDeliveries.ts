import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { query } from '../../api/index.ts';
import { useRefresh } from '../../components/useRefresh.ts';
import { DeliveriesDocument, type DeliveriesQuery } from '../../generated/graphql.ts';
import { REFRESH_INTERVAL } from './useWebhooks.ts';

type Connection = Extract<DeliveriesQuery['node'], { __typename: 'Webhook' }>['deliveries'];
export type Delivery = Connection['nodes'][number];

/** How many deliveries a page has. */
const PAGE = 20;
/** The most that a query may ask for. */
const MAX_PAGE = 500;

/** The deliveries of a webhook, newest alert first, queried periodically. */
export function useDeliveries(webhook: string) {
  const [connection, setConnection] = useState<Connection | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [loadedAt, setLoadedAt] = useState(0);
  // As many as are shown are asked for, so that their states stay up to date.
  const [count, setCount] = useState(PAGE);
  const running = useRef<AbortController | null>(null);
  const reload = useCallback(() => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    query(DeliveriesDocument, { webhook, first: count, after: null }, abort.signal).then(
      ({ node }) => {
        if (abort.signal.aborted) return;
        // A webhook that was just deleted is null.
        setConnection(node?.__typename === 'Webhook' ? node.deliveries : null);
        setError(null);
        setLoadedAt(Date.now());
      },
      (failure: unknown) => abort.signal.aborted || setError(failure),
    );
  }, [webhook, count]);
  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);
  useRefresh(reload, REFRESH_INTERVAL);
  return {
    deliveries: connection?.nodes ?? null,
    error,
    loadedAt,
    hasOlder: connection?.pageInfo.hasNextPage === true && count < MAX_PAGE,
    reload,
    loadOlder: () => setCount((before) => Math.min(before + 2 * PAGE, MAX_PAGE)),
  };
}
