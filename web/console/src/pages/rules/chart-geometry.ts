/** Where the line, the markers and the level of a small chart are. Pixels are no prices: doubles serve. */

export interface Point {
  /** Milliseconds since 1970. */
  at: number;
  value: number;
}

export interface Marker {
  x: number;
  y: number;
  isDown: boolean;
}

export interface Geometry {
  /** The points of the line, as an SVG polyline has them. */
  line: string;
  markers: Marker[];
  /** The height of the level; null if there is none, or if it is outside. */
  levelY: number | null;
}

const WIDTH = 480;
const HEIGHT = 120;
const PADDING = 8;
export const VIEW_BOX = `0 0 ${WIDTH} ${HEIGHT}`;
export const RIGHT = WIDTH;

interface Input {
  /** In order of time. */
  points: readonly Point[];
  /** A marker without a value is on the line, because prices before a split are in other units there. */
  fired: readonly { at: number; isDown: boolean; value?: number }[];
  level: number | null;
}

/** Returns null if there is too little to draw. */
export function layOut({ points, fired, level }: Input): Geometry | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 2) return null;
  const values = [...points, ...fired].map(({ value }) => value).filter((it) => it !== undefined);
  const bounds = level === null ? values : [...values, level];
  let [low, high] = [Math.min(...bounds), Math.max(...bounds)];
  // A level far away would press the line flat.
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const span = Math.max(highest - lowest, Math.abs(highest) * 0.001, Number.MIN_VALUE);
  const isLevelFar = level !== null && (level > highest + 2 * span || level < lowest - 2 * span);
  if (isLevelFar) [low, high] = [lowest, highest];
  const height = Math.max(high - low, Number.MIN_VALUE);
  const duration = last.at - first.at || 1;
  const x = (at: number): number => round(PADDING + ((at - first.at) / duration) * (WIDTH - 2 * PADDING));
  const y = (value: number): number => round(HEIGHT - PADDING - ((value - low) / height) * (HEIGHT - 2 * PADDING));
  const markers = fired
    .filter(({ at }) => at >= first.at && at <= last.at + 86_400_000)
    .map(({ at, isDown, value }) => {
      const point = nearest(points, at);
      return value === undefined
        ? { x: x(point.at), y: y(point.value), isDown }
        : { x: x(at), y: y(value), isDown };
    });
  return {
    line: points.map(({ at, value }) => `${x(at)},${y(value)}`).join(' '),
    markers,
    levelY: level === null || isLevelFar ? null : y(level),
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The last point that is not later, found by bisection; the first one if all are. */
function nearest(points: readonly Point[], at: number): Point {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (points[middle]!.at <= at) low = middle;
    else high = middle - 1;
  }
  return points[low]!;
}
