import { useState } from 'preact/hooks';
import { useQuery } from '../../components/useQuery.ts';
import { useRefresh } from '../../components/useRefresh.ts';
import { DeliveriesDocument, type DeliveriesQuery } from '../../generated/graphql.ts';
import { REFRESH_INTERVAL } from './useWebhooks.ts';

type Connection = Extract<DeliveriesQuery['node'], { __typename: 'Webhook' }>['deliveries'];
export type Delivery = Connection['nodes'][number];

/** How many deliveries a page has. */
const PAGE = 20;
/** The most that a query may request. */
const MAX_PAGE = 500;

/** The deliveries of a webhook, newest alert first, queried periodically. */
export function useDeliveries(webhook: string) {
  // Everything that is shown is requested again, so that its states stay up to date.
  const [first, setFirst] = useState(PAGE);
  const { data, error, loadedAt, reload } = useQuery(DeliveriesDocument, { webhook, first });
  useRefresh(reload, REFRESH_INTERVAL);
  // The node of a webhook that was just deleted is null.
  const deliveries = data?.node?.__typename === 'Webhook' ? data.node.deliveries : null;
  return {
    deliveries: deliveries?.nodes ?? null,
    error,
    loadedAt,
    hasOlder: deliveries?.pageInfo.hasNextPage === true && first < MAX_PAGE,
    reload,
    loadOlder: () => setFirst((before) => Math.min(before + 2 * PAGE, MAX_PAGE)),
  };
}
