import { useSignal } from '@preact/signals';
import type { RefObject, VNode } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { connectionState } from '../../api/index.ts';
import { SortHeader } from '../../components/SortHeader.tsx';
import { params, setParams } from '../../router/router.ts';
import { changeDecimals, priceDecimals, type StockRow } from '../../stocks/stock-row.ts';
import { loadCloses, stocks } from '../../stocks/stocks.ts';
import { BoardRow } from './BoardRow.tsx';
import { arrange, COLUMNS, firstDirection, orderOf, type Column } from './columns.ts';

const REORDER_INTERVAL = 1000;

/** The element of each row, made once: a list that is only in another order renders none of them again. */
const elements = new WeakMap<StockRow, VNode>();
function elementOf(row: StockRow): VNode {
  const element = elements.get(row) ?? <BoardRow key={row.symbol} row={row} />;
  elements.set(row, element);
  return element;
}

export function BoardTable() {
  const body = useRef<HTMLTableSectionElement>(null);
  const all = stocks.value!;
  const filter = params.value.get('q') ?? '';
  const { column, direction } = orderOf(params.value);
  const turn = useSignal(0);
  const arranged = useMemo(
    () => arrange(all.values(), filter, { column, direction }),
    [all, filter, column, direction, turn.value],
  );
  // The same array for the same order, so that nothing is rendered then.
  const kept = useRef(arranged);
  const isSame = arranged.length === kept.current.length && arranged.every((row, at) => row === kept.current[at]);
  if (!isSame) kept.current = arranged;
  const rows = kept.current;
  const list = useMemo(() => rows.map(elementOf), [rows]);
  useEffect(() => (column.live ? reorderWhileLeftAlone(body, () => (turn.value += 1)) : undefined), [column]);
  useEffect(() => loadClosesOfVisible(body.current!, rows), [rows]);

  function sortBy(clicked: Column): void {
    const opposite = direction === 'asc' ? 'desc' : 'asc';
    const dir = clicked === column ? opposite : firstDirection(clicked);
    const isDefault = clicked === COLUMNS[0] && dir === 'asc';
    setParams({ sort: isDefault ? null : clicked.key, dir: isDefault ? null : dir });
  }

  const dimmed = connectionState.value.status !== 'live';
  if (rows.length === 0) return <p class="empty">No stock matches “{filter}”</p>;
  return (
    <table
      role="table"
      aria-label="Stocks"
      aria-rowcount={rows.length + 1}
      class={`board ${dimmed ? 'is-away' : ''}`}
      style={{ '--decimals': String(Math.min(priceDecimals.value, 8)), '--change-decimals': String(changeDecimals.value) }}
    >
      <thead role="rowgroup">
        <tr role="row">
          {COLUMNS.map((it) => (
            <SortHeader
              key={it.key}
              name={it.name}
              class={`c-${it.key} ${it.numeric ? 'number' : ''}`}
              sorted={it === column ? direction : null}
              onSort={() => sortBy(it)}
            />
          ))}
          <td role="cell" class="c-more" />
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body} data-rows>{list}</tbody>
    </table>
  );
}

/** Calls back each second unless a row has the focus or the pointer. */
function reorderWhileLeftAlone(body: RefObject<HTMLElement | null>, reorder: () => void): () => void {
  const timer = setInterval(() => {
    const used = body.current?.closest('table:hover') || body.current?.contains(document.activeElement);
    if (!used && !document.hidden && !document.querySelector('.menu')) reorder();
  }, REORDER_INTERVAL);
  return () => clearInterval(timer);
}

/** Loads the sparklines of the rows that are in the window, now and after scrolling. */
function loadClosesOfVisible(body: HTMLElement | null, rows: readonly StockRow[]): (() => void) | undefined {
  if (!body) return undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const load = () => {
    const { top, height } = body.getBoundingClientRect();
    const rowHeight = height / rows.length;
    const first = Math.max(0, Math.floor(-top / rowHeight) - 5);
    const last = Math.ceil((innerHeight - top) / rowHeight) + 5;
    void loadCloses(rows.slice(first, last));
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(load, 150);
  };
  soon();
  addEventListener('scroll', soon, { passive: true });
  addEventListener('resize', soon, { passive: true });
  return () => {
    clearTimeout(timer);
    removeEventListener('scroll', soon);
    removeEventListener('resize', soon);
  };
}
