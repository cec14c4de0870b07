import { messageOf, mutate } from '../../api/index.ts';
import { type Column, DataTable } from '../../components/DataTable.tsx';
import { Empty } from '../../components/ListState.tsx';
import { ListFrame } from '../../components/ListFrame.tsx';
import { showMessage } from '../../components/message.tsx';
import { Time } from '../../components/Values.tsx';
import { formatCount, UNKNOWN } from '../../format/number.ts';
import { RedeliverAlertDocument, type WebhookFieldsFragment } from '../../generated/graphql.ts';
import { Link } from '../../router/Link.tsx';
import { stockHref } from '../../router/router.ts';
import { type Delivery, useDeliveries } from './useDeliveries.ts';

/** What was sent to a webhook, and what is to be sent. */
export function Deliveries({ webhook }: { webhook: WebhookFieldsFragment }) {
  const { deliveries, error, loadedAt, hasOlder, reload, loadOlder } = useDeliveries(webhook.id);
  async function redeliver({ alert }: Delivery) {
    try {
      const done = await mutate(RedeliverAlertDocument, { input: { alertId: alert.id, webhookId: webhook.id } });
      if (!done) return;
      showMessage(`“${alert.message}” is sent again`);
      reload();
    } catch (failure) {
      showMessage(`“${alert.message}” is not sent again: ${messageOf(failure)}`, { failed: true });
    }
  }
  return (
    <section class="deliveries">
      <h2>Deliveries to {webhook.url}</h2>
      <ListFrame what="Deliveries" hasData={deliveries !== null} error={error} retry={reload} loadedAt={loadedAt}>
        {deliveries?.length === 0 && (
          <Empty>
            <p>No alert was sent yet</p>
            <p>Alerts that fire from now on appear here.</p>
          </Empty>
        )}
        {deliveries && deliveries.length > 0 && (
          <DataTable name="Deliveries" columns={columnsOf(redeliver)} rows={deliveries} keyOf={({ id }) => id} />
        )}
        {hasOlder && <p class="after-list"><button type="button" onClick={loadOlder}>Older</button></p>}
      </ListFrame>
    </section>
  );
}

const STATES = { DELIVERED: '✓ Delivered', FAILED: '✕ Failed', PENDING: '… Pending' } as const;
const TONES = { DELIVERED: '', FAILED: 'down', PENDING: 'muted' } as const;

const columnsOf = (redeliver: (delivery: Delivery) => void): Column<Delivery>[] => [
  { name: 'Fired', render: ({ alert }) => <Time at={alert.triggeredAt} /> },
  { name: 'Symbol', render: ({ alert }) => <Link href={stockHref(alert.symbol)}>{alert.symbol}</Link> },
  {
    name: 'Alert',
    isRowHeader: true,
    class: 'wrap',
    render: ({ id, alert }) => <span id={`delivery-${id}`}>{alert.message}</span>,
  },
  { name: 'State', render: ({ state }) => <span class={TONES[state]}>{STATES[state]}</span> },
  { name: 'Next attempt', render: ({ nextAttemptAt }) => (nextAttemptAt ? <Time at={nextAttemptAt} /> : UNKNOWN) },
  { name: 'Attempts', class: 'wrap', render: ({ attempts }) => <Attempts attempts={attempts} /> },
  {
    name: 'Actions',
    isNameHidden: true,
    render: (delivery) => (
      <div class="actions">
        <button type="button" aria-describedby={`delivery-${delivery.id}`} onClick={() => redeliver(delivery)}>
          Redeliver
        </button>
      </div>
    ),
  },
];

type Attempt = Delivery['attempts'][number];

const outcomeOf = ({ error, status, durationMs }: Attempt): string => {
  const parts = [
    error ?? 'accepted',
    // The error of HTTP has its status.
    status != null && !error?.includes(String(status)) ? `status ${status}` : null,
    durationMs != null ? `${formatCount(durationMs)} ms` : null,
  ];
  return parts.filter((it) => it !== null).join(', ');
};

/** The last attempt, and those before it on demand. */
function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  const last = attempts.at(-1);
  if (!last) return <>{UNKNOWN}</>;
  if (attempts.length === 1) return <><Time at={last.at} />: {outcomeOf(last)}</>;
  return (
    <details class="attempts">
      <summary>{attempts.length} attempts, the last: {outcomeOf(last)}</summary>
      <ol>
        {attempts.map((attempt) => <li key={attempt.at}><Time at={attempt.at} />: {outcomeOf(attempt)}</li>)}
      </ol>
    </details>
  );
}
