import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { askAdminToken, messageOf, mutate, query } from '../../api/index.ts';
import { showMessage } from '../../components/message.tsx';
import { AcknowledgeAlertDocument, type AlertFieldsFragment, AlertsDocument } from '../../generated/graphql.ts';
import { acknowledge, addAlert, addOlder, type AlertList, showWaiting } from './alert-list.ts';
import { listenToAlerts, publishAcknowledged } from './feed.ts';

export interface Alerts {
  /** Null until they were loaded. */
  list: AlertList | null;
  error: unknown;
  /** Whether older ones are being loaded. */
  isLoadingOlder: boolean;
  reload(): void;
  loadOlder(): void;
  showNew(): void;
  acknowledge(alert: AlertFieldsFragment): Promise<void>;
}

/** How many alerts a page of the list has. */
const PAGE = 50;
/** How far down the top of the list is still in view. */
const SCROLL_TOLERANCE = 120;

/** The alerts of one stock, or of all if `symbol` is null, kept up to date. */
export function useAlerts(symbol: string | null): Alerts {
  const [list, setList] = useState<AlertList | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isLoadingOlder, setLoadingOlder] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const current = useRef(list);
  current.current = list;
  const reload = useCallback(() => setAttempt((before) => before + 1), []);
  const update = useCallback((change: (list: AlertList) => AlertList) => {
    setList((before) => before && change(before));
  }, []);

  useEffect(() => {
    const abort = new AbortController();
    // What fires while the list is loaded may be missing in it.
    let early: AlertFieldsFragment[] | null = [];
    const stop = listenToAlerts({
      fired(alert) {
        if (symbol !== null && alert.symbol !== symbol) return;
        if (early) early.push(alert);
        else update((before) => addAlert(before, alert, scrollY > SCROLL_TOLERANCE));
      },
      acknowledged: (id, at) => update((before) => acknowledge(before, id, at)),
      reset: reload,
    });
    query(AlertsDocument, { symbol, first: PAGE, after: null }, abort.signal).then(
      ({ alerts }) => {
        if (abort.signal.aborted) return;
        const loaded: AlertList = { shown: alerts.nodes, waiting: [], older: olderOf(alerts.pageInfo) };
        setList((early ?? []).reduce((before, alert) => addAlert(before, alert, false), loaded));
        early = null;
        setError(null);
      },
      (failure: unknown) => abort.signal.aborted || setError(failure),
    );
    return () => {
      abort.abort();
      stop();
    };
  }, [symbol, attempt, reload, update]);
  useEffect(() => setList(null), [symbol]);

  async function loadOlder() {
    const after = current.current?.older;
    if (!after || isLoadingOlder) return;
    setLoadingOlder(true);
    try {
      const { alerts } = await query(AlertsDocument, { symbol, first: PAGE, after });
      update((before) => addOlder(before, alerts.nodes, olderOf(alerts.pageInfo)));
    } catch (failure) {
      showMessage(`Older alerts could not be loaded: ${messageOf(failure)}`, { failed: true });
    } finally {
      setLoadingOlder(false);
    }
  }

  return {
    list,
    error,
    isLoadingOlder,
    reload,
    loadOlder,
    showNew: () => update(showWaiting),
    acknowledge: acknowledgeAlert,
  };
}

/** Shows an alert as acknowledged at once, on every part of the page, and takes that back if it is refused. */
export async function acknowledgeAlert({ id, message }: AlertFieldsFragment): Promise<void> {
  if (!(await askAdminToken())) return;
  publishAcknowledged(id, new Date().toISOString());
  try {
    const done = await mutate(AcknowledgeAlertDocument, { input: { id } });
    publishAcknowledged(id, done?.acknowledgeAlert.alert.acknowledgedAt ?? null);
  } catch (failure) {
    publishAcknowledged(id, null);
    showMessage(`“${message}” is not acknowledged: ${messageOf(failure)}`, { failed: true });
  }
}

const olderOf = ({ hasNextPage, endCursor }: { hasNextPage: boolean; endCursor?: string | null }): string | null =>
  hasNextPage ? (endCursor ?? null) : null;
