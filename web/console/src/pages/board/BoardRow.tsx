import { arrowOf, decimalsOf, formatPrice, UNKNOWN } from '../../format/number.ts';
import { formatAge } from '../../format/time.ts';
import { connectionState } from '../../api/index.ts';
import { MenuButton } from '../../components/Menu.tsx';
import { now } from '../../components/now.ts';
import { Sparkline } from '../../components/Sparkline.tsx';
import { Change, Percent, Volume } from '../../components/Values.tsx';
import { Link } from '../../router/Link.tsx';
import { stockHref } from '../../router/router.ts';
import { refresh, untrack } from '../../stocks/actions.ts';
import type { StockRow } from '../../stocks/stock-row.ts';
import { openCreateRule } from '../rules/create-rule.tsx';

/** A stock on the board. It depends on the signals of its stock alone. */
export function BoardRow({ row }: { row: StockRow }) {
  const { symbol } = row;
  const quote = row.quote.value;
  const stale = row.stale.value;
  const noteId = `note-${symbol}`;
  return (
    <tr role="row" class={stale ? 'is-stale' : ''} {...(stale && { 'aria-describedby': noteId })}>
      <th role="rowheader" scope="row" class="c-symbol">
        <Link href={stockHref(symbol)}>{symbol}</Link>
        {stale && <span class="tag" title={row.note.value ?? ''}>stale</span>}
        {stale && <span id={noteId} hidden>{row.note.value ?? 'stale'}</span>}
        <Age row={row} />
      </th>
      <td role="cell" class="c-name" title={row.name.value ?? ''}>{row.name.value ?? UNKNOWN}</td>
      <td role="cell" class={`c-price number ${row.flash.value}`}>
        <Sparkline points={row.points} />
        <Flash row={row} />
        <Digits value={quote?.price} />
      </td>
      <td role="cell" class="c-change number">
        <span class={decimalsClass(quote?.change)}><Change value={quote?.change} /></span>
      </td>
      <td role="cell" class="c-percent number"><Percent value={quote?.changePercent} /></td>
      <td role="cell" class="c-high number"><Digits value={quote?.high} /></td>
      <td role="cell" class="c-low number"><Digits value={quote?.low} /></td>
      <td role="cell" class="c-volume number"><Volume value={quote?.volume} /></td>
      <td role="cell" class="c-updated number">
        {quote ? <time dateTime={quote.recordedAt}>{row.updated}</time> : UNKNOWN}
      </td>
      <td role="cell" class="c-more">
        <MenuButton
          label={`More about ${symbol}`}
          items={[
            { label: 'Create rule', run: () => openCreateRule({ symbol, price: row.quote.peek()?.price ?? null }) },
            { label: 'Refresh', run: () => void refresh(symbol) },
            { label: 'Untrack', run: () => void untrack(symbol) },
          ]}
        />
      </td>
    </tr>
  );
}

/** A price with room for the decimals that others have. */
const Digits = ({ value }: { value: string | null | undefined }) => (
  <span class={decimalsClass(value)}>{formatPrice(value)}</span>
);

const decimalsClass = (value: string | null | undefined): string =>
  value == null ? '' : `decimals-${Math.min(decimalsOf(value), 8)}`;

/** The direction of the newest price, while it flashes. */
function Flash({ row }: { row: StockRow }) {
  const [direction] = row.flash.value.split(' ');
  return <span class="flash-mark" aria-hidden="true">{direction && arrowOf(direction === 'up' ? 1 : -1)}</span>;
}

/** How old the price is, while the connection does not bring new ones. */
function Age({ row }: { row: StockRow }) {
  const { status } = connectionState.value;
  const quote = row.quote.value;
  if (status === 'live' || status === 'connecting' || !quote) return null;
  return <span class="tag">{formatAge(quote.recordedAt, now.value)} old</span>;
}
