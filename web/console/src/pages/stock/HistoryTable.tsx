import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { messageOf } from '../../api/index.ts';
import { showMessage } from '../../components/message.tsx';
import { Change, Percent, Time, Volume } from '../../components/Values.tsx';
import { formatPrice } from '../../format/number.ts';
import { formatDateTime, zoneName } from '../../format/time.ts';
import type { HistoryPriceFragment as Price } from '../../generated/graphql.ts';
import { isGap, type Gap } from './history-list.ts';
import type { PriceHistory } from './PriceHistory.ts';

/** The elements of prices, which never change: a new price renders its own row only. */
const elements = new WeakMap<Price, VNode>();

export function HistoryTable({ history }: { history: PriceHistory }) {
  const { entries, hasOlder } = history.list.value;
  const loading = useSignal(false);

  async function load(what: string, act: () => Promise<void>): Promise<void> {
    if (loading.value) return;
    loading.value = true;
    try {
      await act();
    } catch (error) {
      showMessage(`${what} could not be loaded: ${messageOf(error)}`, { failed: true });
    } finally {
      loading.value = false;
    }
  }

  function gapRow(gap: Gap): VNode {
    return (
      <tr key={`gap ${gap.from}`} role="row" class="gap">
        <td role="cell" colSpan={7}>
          Some prices between {formatDateTime(gap.from)} and {formatDateTime(gap.to)} are not shown{' '}
          <button type="button" onClick={() => void load('The prices', () => history.loadGap(gap))}>Load them</button>
        </td>
      </tr>
    );
  }

  return (
    <section class="panel history" aria-labelledby="history-title">
      <div class="panel-head">
        <h2 id="history-title">Price history</h2>
        <span class="muted">Times in {zoneName()}</span>
      </div>
      <div class="scroller" role="group" aria-label="Price history, scrollable" tabIndex={0} data-keys>
        <table role="table" aria-label="Price history" aria-busy={loading.value}>
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col">Time</th>
              <th role="columnheader" scope="col" class="c-day">Trading day</th>
              <th role="columnheader" scope="col" class="number">Price</th>
              <th role="columnheader" scope="col" class="number">Change</th>
              <th role="columnheader" scope="col" class="number">Change %</th>
              <th role="columnheader" scope="col" class="number">Volume</th>
              <th role="columnheader" scope="col" class="c-provider">Provider</th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {entries.map((entry) => (isGap(entry) ? gapRow(entry) : priceRow(entry)))}
          </tbody>
        </table>
        {entries.length === 0 && <p class="nothing">No price was stored yet. It appears here when it is.</p>}
      </div>
      {hasOlder && (
        <button
          type="button"
          class="older"
          aria-busy={loading.value}
          onClick={() => void load('Older prices', () => history.loadOlder())}
        >
          Older
        </button>
      )}
    </section>
  );
}

function priceRow(price: Price): VNode {
  const element = elements.get(price) ?? (
    <tr key={price.cursor} role="row">
      <td role="cell"><Time at={price.recordedAt} /></td>
      <td role="cell" class="c-day">{price.tradingDay}</td>
      <td role="cell" class="number"><b>{formatPrice(price.price)}</b></td>
      <td role="cell" class="number"><Change value={price.change} /></td>
      <td role="cell" class="number"><Percent value={price.changePercent} /></td>
      <td role="cell" class="number"><Volume value={price.volume} /></td>
      <td role="cell" class="c-provider muted">{price.provider}</td>
    </tr>
  );
  elements.set(price, element);
  return element;
}
