import { useState } from 'preact/hooks';
import { Volume } from '../../components/Values.tsx';
import { formatPrice } from '../../format/number.ts';
import { timeOf, type Bar } from './chart-data.ts';

const PAGE = 200;

/** The bars of the chart, newest first. */
export function ChartTable({ bars }: { bars: readonly Bar[] }) {
  const [shown, setShown] = useState(PAGE);
  const rows = bars.slice(-shown).reverse();
  return (
    <>
      <div class="scroller" role="group" aria-label="Candles, scrollable" tabIndex={0} data-keys>
        <table role="table" aria-label="Candles">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col">Time</th>
              {['Open', 'High', 'Low', 'Close', 'Volume'].map((name) => (
                <th key={name} role="columnheader" scope="col" class="number">{name}</th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((bar) => (
              <tr key={bar.time} role="row">
                <td role="cell"><time dateTime={bar.start}>{timeOf(bar)}</time></td>
                <td role="cell" class="number">{formatPrice(bar.open)}</td>
                <td role="cell" class="number">{formatPrice(bar.high)}</td>
                <td role="cell" class="number">{formatPrice(bar.low)}</td>
                <td role="cell" class="number"><b>{formatPrice(bar.close)}</b></td>
                <td role="cell" class="number"><Volume value={bar.volume} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {bars.length > shown && (
        <button type="button" class="older" onClick={() => setShown(shown + PAGE)}>Older</button>
      )}
    </>
  );
}
