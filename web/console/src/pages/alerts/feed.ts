/** The alerts that fire while the page is open: one subscription for all of the console. */

import { connection, query } from '../../api/index.ts';
import { type AlertFieldsFragment, NewAlertsDocument, UnseenAlertsDocument } from '../../generated/graphql.ts';
import { addUnseen, countUnseen } from './unseen.ts';

export interface AlertListener {
  /** An alert fired. Each is passed once, also over connections that are lost. */
  fired?(alert: AlertFieldsFragment): void;
  /** An alert was acknowledged on this page; or was not after all, if `at` is null. */
  acknowledged?(id: string, at: string | null): void;
  /** The database was replaced: what was loaded before is void. */
  reset?(): void;
}

const listeners = new Set<AlertListener>();
/** How many alerts are looked at to count those that are new. */
const UNSEEN_LIMIT = 100;
/** Milliseconds until another attempt after a failed query. */
const RETRY_DELAY = 3000;

/** Returns how to stop listening. */
export function listenToAlerts(listener: AlertListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function publishAcknowledged(id: string, at: string | null): void {
  for (const listener of listeners) listener.acknowledged?.(id, at);
}

/** Counts the alerts since the last visit, and follows those after them. Returns how to stop. */
export function startFeed(): () => void {
  const abort = new AbortController();
  let stop = (): void => {};
  const start = async (): Promise<void> => {
    try {
      const { status, alerts } = await query(UnseenAlertsDocument, { first: UNSEEN_LIMIT }, abort.signal);
      if (abort.signal.aborted) return;
      countUnseen(alerts.nodes.map(({ cursor }) => cursor));
      stop = follow(alerts.nodes[0]?.cursor ?? status.feed.position);
    } catch {
      if (!abort.signal.aborted) setTimeout(() => void start(), RETRY_DELAY);
    }
  };
  void start();
  return () => {
    abort.abort();
    stop();
  };
}

function follow(after: string): () => void {
  const following = connection.follow<AlertFieldsFragment>({
    query: NewAlertsDocument.toString(),
    after,
    next(alert) {
      addUnseen(alert.cursor);
      for (const listener of listeners) listener.fired?.(alert);
    },
    expired() {
      for (const listener of listeners) listener.reset?.();
    },
  });
  return () => following.stop();
}
