import type { ReadonlySignal } from '@preact/signals';

const WIDTH = 64;
const HEIGHT = 18;
/** Fewer points say nothing about the course of a price. */
const FEWEST_POINTS = 3;

/** A line of the last prices: a decoration, without a name. */
export function Sparkline({ points }: { points: ReadonlySignal<readonly number[]> }) {
  const values = points.value;
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <path d={values.length >= FEWEST_POINTS ? pathOf(values) : ''} />
    </svg>
  );
}

function pathOf(values: readonly number[]): string {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, at) => {
    const y = HEIGHT - 1.5 - ((value - low) / range) * (HEIGHT - 3);
    return `${(at * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}
