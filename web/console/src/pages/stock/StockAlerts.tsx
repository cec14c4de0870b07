import { DataTable } from '../../components/DataTable.tsx';
import { ListFrame } from '../../components/ListFrame.tsx';
import { useShortcuts } from '../../keyboard/keys.ts';
import { acknowledgeFocused, columnsOf } from '../alerts/AlertsPage.tsx';
import type { Alerts } from '../alerts/useAlerts.ts';

const HIDDEN = new Set(['Symbol']);

/** The alerts of one stock. */
export function StockAlerts({ symbol, alerts }: { symbol: string; alerts: Alerts }) {
  const { list } = alerts;
  useShortcuts([{ keys: 'e', label: 'Acknowledge the alert', run: () => acknowledgeFocused(alerts) }]);
  const rows = [...(list?.waiting ?? []), ...(list?.shown ?? [])];
  return (
    <section class="panel stock-alerts" aria-labelledby="alerts-title">
      <h2 id="alerts-title">Alerts</h2>
      <ListFrame what="Alerts" hasData={list !== null} error={alerts.error} retry={alerts.reload}>
        <DataTable
          name={`Alerts of ${symbol}`}
          columns={columnsOf(alerts).filter(({ name }) => !HIDDEN.has(name))}
          rows={rows}
          keyOf={({ id }) => id}
          classOf={({ acknowledgedAt }) => (acknowledgedAt ? 'is-acknowledged' : '')}
        />
        {list && rows.length === 0 && <p class="nothing">No alert of {symbol} has fired yet.</p>}
        {list?.older && (
          <button type="button" class="older" aria-busy={alerts.isLoadingOlder} onClick={alerts.loadOlder}>Older</button>
        )}
      </ListFrame>
    </section>
  );
}
