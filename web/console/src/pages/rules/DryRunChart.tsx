import { useMemo } from 'preact/hooks';
import { useQuery } from '../../components/useQuery.ts';
import { formatCount } from '../../format/number.ts';
import { formatDate } from '../../format/time.ts';
import { DryRunPricesDocument } from '../../generated/graphql.ts';
import { layOut, type Point, RIGHT, VIEW_BOX } from './chart-geometry.ts';
import type { DryRunResult } from './dry-run.ts';
import { type RuleForm, typedNumber } from './form.ts';
import { describeKind } from './kinds.ts';

/** Fewer daily candles than these make no chart. */
const MIN_DAYS = 5;

interface Props {
  form: RuleForm;
  result: DryRunResult;
}

/** The firings of a dry run as markers on the prices of its stock. Without a stock, there is no chart. */
export const DryRunChart = ({ form, result }: Props) =>
  form.symbol === '' ? null : <StockChart form={form} result={result} />;

function StockChart({ form: { symbol, kind, threshold }, result }: Props) {
  const { data } = useQuery(DryRunPricesDocument, { symbol });
  const points = useMemo<Point[]>(() => {
    if (!data) return [];
    const candles = data.days.length >= MIN_DAYS ? data.days : data.minutes;
    return candles.map(({ end, close }) => ({ at: Date.parse(end), value: Number(close) }));
  }, [data]);
  const { fired } = result;
  // Prices before a split are in other shares than the level.
  const isSplit = fired.some(({ splitFactor }) => splitFactor !== '1');
  const level = describeKind(kind).isLevel && !isSplit ? Number(typedNumber(threshold)) : Number.NaN;
  const geometry = layOut({
    points,
    fired: fired.map(({ marketTime, direction }) => ({ at: Date.parse(marketTime), isDown: direction === 'DOWN' })),
    level: Number.isFinite(level) ? level : null,
  });
  const [first, last] = [points[0], points.at(-1)];
  if (!geometry || !first || !last) return null;
  const from = formatDate(new Date(first.at));
  const to = formatDate(new Date(last.at));
  const { markers, line, levelY } = geometry;
  const label = `${symbol} from ${from} to ${to}, with ${markers.length} of ${result.count} firings`;
  const missing = result.count - markers.length;
  return (
    <figure class="dry-run-chart">
      <svg viewBox={VIEW_BOX} role="img" aria-label={label}>
        {levelY !== null && <line class="level" x1="0" x2={RIGHT} y1={levelY} y2={levelY} />}
        <polyline class="prices" points={line} />
        {markers.map(({ x, y, isDown }, at) => (
          <path
            key={at}
            class={isDown ? 'down' : 'up'}
            d={isDown ? `M${x} ${y - 1}l-4 -7h8z` : `M${x} ${y + 1}l-4 7h8z`}
          />
        ))}
      </svg>
      <figcaption>
        <span>{from}</span>
        {missing > 0 && <span>{formatCount(missing)} not on the chart</span>}
        <span>{to}</span>
      </figcaption>
    </figure>
  );
}
