import { useEffect } from 'preact/hooks';
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
  const { data, error, loadedAt, reload } = useQuery(WebhooksDocument, {});
  useRefresh(reload, REFRESH_INTERVAL);
  // Signing in and out decides whether there is anything to see.
  const token = adminToken.value.value;
  useEffect(() => reload(), [token]);
  return { webhooks: token === null ? null : (data?.webhooks ?? null), error, loadedAt, reload };
}
