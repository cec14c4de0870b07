import { useEffect, useState } from 'preact/hooks';
import { query } from '../../api/index.ts';
import { DailyClosesDocument, type DailyClosesQuery, MinuteClosesDocument } from '../../generated/graphql.ts';
import type { Point } from './chart-geometry.ts';

type Candle = DailyClosesQuery['candles'][number];

/** Fewer days than these make no chart; minutes do, of a stock that is new. */
const MIN_DAYS = 5;
/** How many pages of 1,000 days are loaded at most. */
const MAX_PAGES = 10;

/** The closes of a stock for a chart, as far back as `since` if it has them. */
export function useCloses(symbol: string, since: string | null): readonly Point[] {
  const [points, setPoints] = useState<readonly Point[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    load(symbol, since, abort.signal).then(
      (candles) => abort.signal.aborted || setPoints(candles.map(asPoint)),
      () => {
        // Without a chart, the dry run still has its words and its table.
      },
    );
    return () => abort.abort();
  }, [symbol, since]);
  return points;
}

const asPoint = ({ end, close }: Candle): Point => ({ at: Date.parse(end), value: Number(close) });

async function load(symbol: string, since: string | null, abort: AbortSignal): Promise<readonly Candle[]> {
  let days: readonly Candle[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { candles } = await query(DailyClosesDocument, { symbol, to: days[0]?.start ?? null }, abort);
    days = [...candles, ...days];
    const oldest = candles[0];
    if (!oldest || since === null || Date.parse(oldest.start) <= Date.parse(since)) break;
  }
  return days.length >= MIN_DAYS ? days : (await query(MinuteClosesDocument, { symbol }, abort)).candles;
}
