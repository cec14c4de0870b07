import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Column, DataTable } from '../../components/DataTable.tsx';
import { Fact } from '../../components/Fact.tsx';
import { ListFrame } from '../../components/ListFrame.tsx';
import { Page } from '../../components/Page.tsx';
import { Time } from '../../components/Values.tsx';
import { ZoneNote } from '../../components/ZoneNote.tsx';
import { formatCount, UNKNOWN } from '../../format/number.ts';
import { formatWeekday } from '../../format/time.ts';
import { Licences } from './Licences.tsx';
import { loadStatus, type Provider, status, statusAt, statusError, type Status, watchStatus } from './status.ts';
import { budgetText, intervalText, isWorking, lagText, nextReset, stateText } from './words.ts';
import './status.css';

export function StatusPage() {
  useEffect(watchStatus, []);
  const state = status.value;
  return (
    <Page heading="Status" beside={<ZoneNote />}>
      <ListFrame
        what="Status"
        hasData={state !== null}
        error={statusError.value}
        retry={() => void loadStatus()}
        loadedAt={statusAt.value}
      >
        {state && (
          <>
            <DataTable name="Providers" columns={COLUMNS} rows={state.providers} keyOf={({ name }) => name} />
            <Facts state={state} />
          </>
        )}
      </ListFrame>
      <Licences />
    </Page>
  );
}

const COLUMNS: readonly Column<Provider>[] = [
  { name: 'Provider', isRowHeader: true, render: ({ name }) => name },
  {
    name: 'State',
    render: ({ state }) => (
      <span class={isWorking(state) ? '' : 'down'}>
        <span aria-hidden="true">{isWorking(state) ? '●' : '▲'}</span> {stateText(state)}
      </span>
    ),
  },
  { name: 'Since', render: ({ since }) => (since ? <Time at={since} /> : UNKNOWN) },
  { name: 'Interval', class: 'number', render: ({ effectiveInterval }) => intervalText(effectiveInterval) },
  { name: 'Budget left', class: 'number', render: ({ budgets }) => budgetText(budgets) },
  {
    name: 'Resets',
    render: ({ budgets }) => {
      const at = nextReset(budgets);
      return at ? <Time at={at} /> : UNKNOWN;
    },
  },
  { name: 'Note', class: 'wrap', render: ({ note, terms }) => [note, terms].filter(Boolean).join(' · ') || UNKNOWN },
];

const DATABASES = { SQLITE: 'SQLite', POSTGRESQL: 'PostgreSQL' } as const;

function Facts({ state: { feed, database, market, version, revision, startedAt } }: { state: Status }) {
  return (
    <div class="status-facts">
      <Region name="Feed">
        <Fact name="Lag">{lagText(feed.lagSeconds)}</Fact>
        <Fact name="Subscribers">{formatCount(feed.subscribers)}</Fact>
        <Fact name="Position"><code>{feed.position}</code></Fact>
      </Region>
      <Region name="Database">
        <Fact name="Kind">{DATABASES[database.kind]}</Fact>
        <Fact name="State">
          <span class={database.up ? '' : 'down'}>{database.up ? '● Available' : '▲ Unavailable'}</span>
        </Fact>
      </Region>
      <Region name="Market">
        <Fact name="US">{market.open ? '● Open' : '○ Closed'}</Fact>
        <Fact name="Opens">{market.nextOpen ? <Moment at={market.nextOpen} /> : UNKNOWN}</Fact>
        <Fact name="Closes">{market.nextClose ? <Moment at={market.nextClose} /> : 'Never'}</Fact>
      </Region>
      <Region name="Version">
        <Fact name="Version">{version}</Fact>
        <Fact name="Commit">{revision ? <code>{revision.slice(0, 12)}</code> : UNKNOWN}</Fact>
        <Fact name="Started"><Time at={startedAt} full /></Fact>
      </Region>
    </div>
  );
}

const Moment = ({ at }: { at: string }) => <time dateTime={at}>{formatWeekday(at)}</time>;

const Region = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <section class="fact-region" aria-label={name}>
    <h2>{name}</h2>
    <dl>{children}</dl>
  </section>
);
