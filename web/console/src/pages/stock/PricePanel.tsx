import { connectionState } from '../../api/index.ts';
import { Fact } from '../../components/Fact.tsx';
import { now } from '../../components/now.ts';
import { Change, Percent, Time, Volume } from '../../components/Values.tsx';
import { formatPrice, UNKNOWN } from '../../format/number.ts';
import { formatAge, formatWeekday } from '../../format/time.ts';
import type { HistoryPriceFragment, StockHeadFragment, StockStateQuery } from '../../generated/graphql.ts';

type MarketHours = StockStateQuery['status']['market'];

interface Props {
  head: StockHeadFragment;
  market: MarketHours;
  latest: HistoryPriceFragment | null;
}

/** The newest price of the stock. */
export function PricePanel({ head, market, latest }: Props) {
  const away = connectionState.value.status !== 'live' && connectionState.value.status !== 'connecting';
  return (
    <section class={`price-panel ${away ? 'is-away' : ''}`} aria-label="Price">
      <p class="price-main">
        <span class="price-now">{formatPrice(latest?.price)}</span>
        {head.currency && <span class="muted">{head.currency}</span>}
        <Change value={latest?.change} />
        <Percent value={latest?.changePercent} />
        {head.stale && <span class="tag" title={head.note ?? ''}>stale</span>}
        {away && latest && <span class="tag">{formatAge(latest.recordedAt, now.value)} old</span>}
      </p>
      {head.stale && head.note && <p class="price-note">{head.note}</p>}
      <dl class="facts">
        <Fact name="Previous close">{formatPrice(latest?.previousClose)}</Fact>
        <Fact name="Open">{formatPrice(latest?.open)}</Fact>
        <Fact name="High">{formatPrice(latest?.high)}</Fact>
        <Fact name="Low">{formatPrice(latest?.low)}</Fact>
        <Fact name="Volume"><Volume value={latest?.volume} /></Fact>
        <Fact name="Trading day">{latest?.tradingDay ?? UNKNOWN}</Fact>
        <Fact name="Updated">{latest ? <Time at={latest.recordedAt} /> : UNKNOWN}</Fact>
        <Fact name="Provider">{latest?.provider ?? UNKNOWN}</Fact>
        <Fact name="Market">{[head.exchange, marketText(head.market, market)].filter(Boolean).join(' · ')}</Fact>
      </dl>
    </section>
  );
}

/** `US, closed, opens Mon 09:30`, in the zone of the viewer. */
function marketText(kind: StockHeadFragment['market'], { open, nextOpen, nextClose }: MarketHours): string {
  if (kind === 'ALWAYS_OPEN') return 'always open';
  if (kind === 'OTHER') return 'hours not known';
  if (open) return nextClose ? `US, open, closes ${formatWeekday(nextClose)}` : 'US, open';
  return nextOpen ? `US, closed, opens ${formatWeekday(nextOpen)}` : 'US, closed';
}
