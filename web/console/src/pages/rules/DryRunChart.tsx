import { formatCount } from '../../format/number.ts';
import { formatDate } from '../../format/time.ts';
import { type Geometry, layOut, type Point, RIGHT, VIEW_BOX } from './chart-geometry.ts';
import type { DryRunResult } from './dry-run.ts';
import { type RuleForm, typedNumber } from './form.ts';
import { describeKind } from './kinds.ts';
import { useCloses } from './useCloses.ts';

interface Props {
  form: RuleForm;
  result: DryRunResult;
}

/** The firings of a dry run as markers: on the prices of its stock, or by their changes without one. */
export const DryRunChart = ({ form, result }: Props) =>
  form.symbol === '' ? <ChangesChart result={result} /> : <StockChart form={form} result={result} />;

const markersOf = ({ fired }: DryRunResult) =>
  fired.map(({ marketTime, direction, changePercent }) => ({
    at: Date.parse(marketTime),
    isDown: direction === 'DOWN',
    change: Number(changePercent ?? 0),
  }));

function StockChart({ form: { symbol, kind, threshold }, result }: Props) {
  const { fired } = result;
  const points = useCloses(symbol, fired[0]?.marketTime ?? null);
  // Prices before a split are in other shares than the level.
  const isSplit = fired.some(({ splitFactor }) => splitFactor !== '1');
  const level = describeKind(kind).isLevel && !isSplit ? Number(typedNumber(threshold)) : Number.NaN;
  const geometry = layOut({
    points,
    fired: markersOf(result).map(({ at, isDown }) => ({ at, isDown })),
    level: Number.isFinite(level) ? level : null,
  });
  return <Chart geometry={geometry} points={points} what={symbol} count={result.count} />;
}

/** Several stocks have no prices in common: markers show when, and how far. */
function ChangesChart({ result }: { result: DryRunResult }) {
  const markers = markersOf(result);
  const [first, last] = [markers[0], markers.at(-1)];
  if (!first || !last) return null;
  const points = [first, last].map(({ at }) => ({ at, value: 0 }));
  const fired = markers.map(({ at, isDown, change }) => ({ at, isDown, value: change }));
  const geometry = layOut({ points, fired, level: null });
  return <Chart geometry={geometry} points={points} what="All stocks" count={result.count} />;
}

interface ChartProps {
  geometry: Geometry | null;
  points: readonly Point[];
  what: string;
  count: number;
}

function Chart({ geometry, points, what, count }: ChartProps) {
  const [first, last] = [points[0], points.at(-1)];
  if (!geometry || !first || !last) return null;
  const from = formatDate(new Date(first.at));
  const to = formatDate(new Date(last.at));
  const { markers, line, levelY } = geometry;
  const missing = count - markers.length;
  const label = `${what} from ${from} to ${to}, with ${markers.length} of ${count} firings`;
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
