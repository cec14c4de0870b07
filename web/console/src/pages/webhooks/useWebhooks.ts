import { adminToken } from '../../api/index.ts';
import { useQuery } from '../../components/useQuery.ts';
import { useRefresh } from '../../components/useRefresh.ts';
import { type WebhookFieldsFragment, WebhooksDocument } from '../../generated/graphql.ts';

/** Milliseconds between two queries while the page is visible. */
export const REFRESH_INTERVAL = 5000;

export interface Webhooks {
  /** Null until they were loaded. */
  webhooks: readonly WebhookFieldsFragment[] | null;
  error: unknown;
  loadedAt: number;
  reload(): void;
}

/** All webhooks, queried periodically. */
export function useWebhooks(): Webhooks {
  const token = adminToken.value.value;
  const { data, error, loadedAt, reload } = useQuery(WebhooksDocument, {}, token);
  useRefresh(reload, REFRESH_INTERVAL);
  return { webhooks: token === null ? null : (data?.webhooks ?? null), error, loadedAt, reload };
}
