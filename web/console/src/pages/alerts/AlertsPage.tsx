import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { DataTable, type Column } from '../../components/DataTable.tsx';
import { Empty } from '../../components/ListState.tsx';
import { ListFrame } from '../../components/ListFrame.tsx';
import { Page } from '../../components/Page.tsx';
import { Select } from '../../components/Select.tsx';
import { Percent, Time } from '../../components/Values.tsx';
import { ZoneNote } from '../../components/ZoneNote.tsx';
import type { AlertFieldsFragment } from '../../generated/graphql.ts';
import { useShortcuts } from '../../keyboard/keys.ts';
import { Link } from '../../router/Link.tsx';
import { params, setParams, stockHref } from '../../router/router.ts';
import { ruleName } from '../rules/kinds.ts';
import { useSymbols } from '../rules/useSymbols.ts';
import { NotifySwitches } from './NotifySwitches.tsx';
import { markAllSeen, unseenAlerts } from './unseen.ts';
import { type Alerts, useAlerts } from './useAlerts.ts';
import './alerts.css';

export function AlertsPage() {
  const symbol = params.value.get('symbol')?.toUpperCase() ?? null;
  const alerts = useAlerts(symbol);
  const { list } = alerts;
  useSeen(symbol === null && list !== null && list.waiting.length === 0);
  useShortcuts([{ keys: 'e', label: 'Acknowledge the alert', run: () => acknowledgeFocused(alerts) }]);
  return (
    <Page heading="Alerts" beside={<><ZoneNote /><NotifySwitches /></>}>
      <SymbolFilter symbol={symbol} />
      <ListFrame what="Alerts" hasData={list !== null} error={alerts.error} retry={alerts.reload}>
        {list && list.waiting.length > 0 && <NewButton alerts={alerts} count={list.waiting.length} />}
        {list && list.shown.length === 0 && <NoAlerts symbol={symbol} />}
        {list && list.shown.length > 0 && (
          <DataTable
            name="Alerts"
            columns={columnsOf(alerts)}
            rows={list.shown}
            keyOf={({ id }) => id}
            classOf={({ acknowledgedAt }) => (acknowledgedAt ? 'is-acknowledged' : '')}
          />
        )}
        {list?.older && (
          <p class="after-list">
            <button type="button" aria-busy={alerts.isLoadingOlder} onClick={alerts.loadOlder}>Older</button>
          </p>
        )}
      </ListFrame>
    </Page>
  );
}

/** What is listed counts as seen while the page is visible. */
function useSeen(isShown: boolean) {
  const count = unseenAlerts.value;
  useEffect(() => {
    const mark = () => {
      if (isShown && !document.hidden) markAllSeen();
    };
    mark();
    addEventListener('visibilitychange', mark);
    return () => removeEventListener('visibilitychange', mark);
  }, [isShown, count]);
}

function SymbolFilter({ symbol }: { symbol: string | null }) {
  const symbols = useSymbols(symbol ?? '');
  return (
    <div class="alert-filter">
      <Select
        label="Symbol"
        name="symbol"
        value={symbol ?? ''}
        options={[{ value: '', label: 'All stocks' }, ...symbols]}
        onChange={(value) => setParams({ symbol: value || null })}
      />
    </div>
  );
}

function NewButton({ alerts, count }: { alerts: Alerts; count: number }) {
  return (
    <p class="new-alerts">
      <button
        type="button"
        class="primary"
        onClick={() => {
          alerts.showNew();
          scrollTo({ top: 0 });
        }}
      >
        {count === 1 ? '1 new alert' : `${count} new alerts`}
      </button>
    </p>
  );
}

const NoAlerts = ({ symbol }: { symbol: string | null }) => (
  <Empty>
    <p>{symbol ? `No alert of ${symbol} has fired yet` : 'No alert has fired yet'}</p>
    <p>They appear here when a rule fires. <Link href="/rules">See the rules</Link></p>
  </Empty>
);

export const columnsOf = (alerts: Alerts): Column<AlertFieldsFragment>[] => [
  { name: 'Time', render: ({ triggeredAt }) => <Time at={triggeredAt} /> },
  { name: 'Symbol', render: ({ symbol }) => <Link href={stockHref(symbol)}>{symbol}</Link> },
  { name: 'Message', isRowHeader: true, class: 'wrap message-cell', render: ({ message }) => message },
  { name: 'Rule', class: 'wrap', render: ({ rule }) => (rule ? ruleName(rule) : <span class="muted">Deleted</span>) },
  { name: 'Change %', class: 'number', render: ({ changePercent }) => <Percent value={changePercent} /> },
  { name: 'Acknowledged', render: (alert) => <Acknowledged alert={alert} alerts={alerts} /> },
];

function Acknowledged({ alert, alerts }: { alert: AlertFieldsFragment; alerts: Alerts }) {
  const time = useRef<HTMLSpanElement>(null);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    // The button that had the focus is gone.
    if (hadFocus.current && alert.acknowledgedAt) time.current?.focus();
    hadFocus.current = false;
  }, [alert.acknowledgedAt]);
  if (alert.acknowledgedAt) {
    return <span ref={time} tabIndex={-1}>✓ <Time at={alert.acknowledgedAt} /></span>;
  }
  return (
    <div class="actions">
      <button
        type="button"
        aria-label={`Acknowledge ${alert.message}`}
        onClick={() => {
          hadFocus.current = true;
          void alerts.acknowledge(alert);
        }}
      >
        Acknowledge
      </button>
    </div>
  );
}

/** Acknowledges the alert whose row has the focus, or else the newest one that is not acknowledged. */
export function acknowledgeFocused(alerts: Alerts) {
  const open = alerts.list?.shown.filter(({ acknowledgedAt }) => acknowledgedAt == null) ?? [];
  const key = document.activeElement?.closest<HTMLElement>('[data-key]')?.dataset['key'];
  const alert = key === undefined ? open[0] : open.find(({ id }) => id === key);
  if (alert) void alerts.acknowledge(alert);
}
