import { useEffect, useState } from 'preact/hooks';
import { adminToken } from '../../api/index.ts';
import { useQuery } from '../../components/useQuery.ts';
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

/** All webhooks, asked for again and again. */
export function useWebhooks(): Webhooks {
  const { data, error, reload } = useQuery(WebhooksDocument, {});
  const [loadedAt, setLoadedAt] = useState(0);
  useEffect(() => setLoadedAt(Date.now()), [data]);
  useRefresh(reload);
  // Signing in and out decides whether there is anything to see.
  const token = adminToken.value.value;
  useEffect(() => reload(), [token]);
  return { webhooks: token === null ? null : (data?.webhooks ?? null), error, loadedAt, reload };
}

/** Calls a function again and again while the page is visible. */
export function useRefresh(reload: () => void): void {
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && reload(), REFRESH_INTERVAL);
    const show = () => !document.hidden && reload();
    addEventListener('visibilitychange', show);
    return () => {
      clearInterval(timer);
      removeEventListener('visibilitychange', show);
    };
  }, [reload]);
}
