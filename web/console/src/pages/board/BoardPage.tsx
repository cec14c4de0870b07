import './board.css';
import { useEffect, useRef } from 'preact/hooks';
import { openDialog } from '../../components/Dialog.tsx';
import { Empty, Failed, Loading } from '../../components/ListState.tsx';
import { Page } from '../../components/Page.tsx';
import { formatCount } from '../../format/number.ts';
import { zoneName } from '../../format/time.ts';
import { useShortcuts } from '../../keyboard/keys.ts';
import { params, setParams } from '../../router/router.ts';
import { followQuotes, loadStocks, stocks, stocksError } from '../../stocks/stocks.ts';
import { BoardTable } from './BoardTable.tsx';
import { moveFocus } from './move-focus.ts';
import { TrackDialog } from './TrackDialog.tsx';

const openTrack = () => openDialog((close) => <TrackDialog onClose={close} />);

/** All tracked stocks with live prices. */
export function BoardPage() {
  const filter = useRef<HTMLInputElement>(null);
  useEffect(() => followQuotes(), []);
  useShortcuts([
    { keys: '/', label: 'Filter or find', run: () => filter.current?.focus() },
    { keys: 'j', label: 'Next row', run: () => moveFocus(1) },
    { keys: 'ArrowDown', label: 'Next row', run: () => moveFocus(1) },
    { keys: 'k', label: 'Previous row', run: () => moveFocus(-1) },
    { keys: 'ArrowUp', label: 'Previous row', run: () => moveFocus(-1) },
    { keys: 'Escape', label: 'Clear the filter', run: () => clearFilter() },
  ]);

  function clearFilter(): void {
    setParams({ q: null });
    if (document.activeElement === filter.current) filter.current?.blur();
  }

  const all = stocks.value;
  const isEmpty = all?.size === 0;
  return (
    <Page
      heading="Stocks"
      class="board-page"
      beside={
        <>
          <input
            ref={filter}
            type="search"
            class="filter"
            aria-label="Filter stocks"
            placeholder="Filter ( / )"
            value={params.value.get('q') ?? ''}
            onInput={(event) => setParams({ q: event.currentTarget.value })}
          />
          {!isEmpty && <button type="button" onClick={openTrack}>Track a stock</button>}
          <span class="muted page-note">
            {all && `${formatCount(all.size)} ${all.size === 1 ? 'stock' : 'stocks'} · `}
            Times in {zoneName()}
          </span>
        </>
      }
    >
      {all === null && stocksError.value === null && <Loading rows={8} />}
      {all === null && stocksError.value !== null && (
        <Failed what="Stocks" error={stocksError.value} retry={() => void loadStocks()} />
      )}
      {isEmpty && (
        <Empty>
          <p>No stocks are tracked yet</p>
          <button type="button" class="primary" onClick={openTrack}>Track a stock</button>
        </Empty>
      )}
      {all !== null && !isEmpty && <BoardTable />}
    </Page>
  );
}
