import { type Column, DataTable } from '../../components/DataTable.tsx';
import { Percent, toneOf } from '../../components/Values.tsx';
import { formatDateTime } from '../../format/time.ts';
import { formatPrice } from '../../format/number.ts';
import { type DryRunResult, type Firing, LISTED_FIRINGS, outcome, seen } from './dry-run.ts';
import { DryRunChart } from './DryRunChart.tsx';
import type { RuleForm } from './form.ts';
import { useDryRun } from './useDryRun.ts';

/** What a rule would have done. */
export function DryRun({ form }: { form: RuleForm }) {
  const { text, failed, result } = useDryRun(form);
  return (
    <section class="dry-run" aria-label="Dry run">
      <h3>Dry run</h3>
      <p role="status" class={`outcome ${failed ? 'error' : ''}`}>{text ?? (result && outcome(result))}</p>
      {result && (
        <div class={text === null ? '' : 'is-old'}>
          <p class="muted">{seen(result)}</p>
          <DryRunChart form={form} result={result} />
          <Firings result={result} isOneStock={form.symbol !== ''} />
        </div>
      )}
    </section>
  );
}

const DIRECTIONS = { UP: '▲', DOWN: '▼' } as const;

const COLUMNS: readonly Column<Firing>[] = [
  {
    name: 'Time',
    isRowHeader: true,
    render: ({ marketTime }) => <time dateTime={marketTime}>{formatDateTime(marketTime)}</time>,
  },
  { name: 'Symbol', render: ({ symbol }) => symbol },
  {
    name: 'Price',
    class: 'number',
    render: ({ price, direction }) => (
      <span class={toneOf(direction === 'DOWN' ? '-1' : direction === 'UP' ? '1' : null)}>
        <span class="arrow">{direction && DIRECTIONS[direction]}</span>{' '}
        {formatPrice(price)}
      </span>
    ),
  },
  { name: 'Against', class: 'number', render: ({ referencePrice }) => formatPrice(referencePrice) },
  { name: 'Change %', class: 'number', render: ({ changePercent }) => <Percent value={changePercent} /> },
];

function Firings({ result: { count, fired }, isOneStock }: { result: DryRunResult; isOneStock: boolean }) {
  if (count === 0) return null;
  const listed = fired.slice(0, LISTED_FIRINGS);
  return (
    <>
      <div class="firings" tabIndex={0} role="group" aria-label="Firings">
        <DataTable
          name="Dry run firings"
          columns={isOneStock ? COLUMNS.filter(({ name }) => name !== 'Symbol') : COLUMNS}
          rows={listed}
          keyOf={({ symbol, direction, marketTime, threshold }) => `${symbol} ${direction} ${marketTime} ${threshold}`}
        />
      </div>
      {count > listed.length && <p class="muted">The first {listed.length}</p>}
    </>
  );
}
