import { useEffect, useRef, useState } from 'preact/hooks';
import { onConnected, query } from '../../api/index.ts';
import { CandlesDocument, type CandleFieldsFragment as Candle } from '../../generated/graphql.ts';
import type { Interval } from './intervals.ts';
import type { PriceHistory } from './PriceHistory.ts';

export interface Candles {
  /** Oldest first; null until they were loaded, and for an interval without candles. */
  candles: readonly Candle[] | null;
  error: unknown;
  reload(): void;
  /** Loads those before the oldest one. */
  loadOlder(): void;
}

const PAGE = 500;
/** How many of the newest candles new prices change, usually. */
const NEWEST = 3;
/** Milliseconds between two queries for the newest candles while prices arrive. */
const REFRESH_INTERVAL = 1000;

/** The candles of a stock, which follow its prices. The server computes them, so that they are exact. */
export function useCandles(
  history: PriceHistory,
  interval: Interval,
  initial: { interval: string; candles: readonly Candle[] | null },
): Candles {
  const { symbol } = history;
  const given = initial.interval === interval.candles ? initial.candles : null;
  const [candles, setCandles] = useState<readonly Candle[] | null>(given);
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const isGiven = useRef(given !== null);
  const older = useRef({ loading: false, more: true });
  const oldest = candles?.[0]?.start ?? null;
  const latest = useRef(candles);
  latest.current = candles;

  useEffect(() => {
    const wanted = interval.candles;
    older.current = { loading: false, more: true };
    // The query of the page brought the first ones.
    const skips = isGiven.current;
    isGiven.current = false;
    if (!skips) setCandles(null);
    if (wanted === null) return;
    const abort = new AbortController();
    const load = async (first: number, merge: (before: readonly Candle[], loaded: readonly Candle[]) => readonly Candle[]) => {
      try {
        const loaded = await query(CandlesDocument, { symbol, interval: wanted, to: null, first }, abort.signal);
        setCandles((before) => merge(before ?? [], loaded.candles));
        setError(null);
      } catch (failure) {
        if (!abort.signal.aborted) setError(failure);
      }
    };
    if (!skips) void load(PAGE, (_, loaded) => loaded);
    const stop = follow(history, async () => {
      const newest = latest.current?.at(-1);
      let isConnected = true;
      await load(NEWEST, (before, loaded) => {
        isConnected = !newest || loaded.some(({ start }) => start === newest.start);
        return isConnected ? merged(before, loaded) : before;
      });
      if (!isConnected) await load(PAGE, merged);
    });
    // What happened during an interruption may be more than the newest candles.
    const stopState = onConnected(() => void load(PAGE, merged));
    return () => {
      abort.abort();
      stop();
      stopState();
    };
  }, [symbol, interval, attempt]);

  async function loadOlder(): Promise<void> {
    if (interval.candles === null || oldest === null || older.current.loading || !older.current.more) return;
    const state = older.current;
    state.loading = true;
    try {
      const variables = { symbol, interval: interval.candles, to: oldest, first: PAGE };
      const { candles: loaded } = await query(CandlesDocument, variables);
      state.more = loaded.length === PAGE;
      if (state === older.current) setCandles((before) => merged(loaded, before ?? []));
    } catch {
      // Scrolling further tries again.
    } finally {
      state.loading = false;
    }
  }

  return { candles, error, reload: () => setAttempt((before) => before + 1), loadOlder: () => void loadOlder() };
}

/** Two lists, oldest first; of a candle that both have, that of the second one. */
export function merged(before: readonly Candle[], newer: readonly Candle[]): readonly Candle[] {
  const [first] = newer;
  if (!first) return before;
  const kept = before.filter(({ start }) => Date.parse(start) < Date.parse(first.start));
  return [...kept, ...newer];
}

/** Calls back after new prices, at most once in an interval, and not in a hidden tab. */
function follow(history: PriceHistory, refresh: () => Promise<void>): () => void {
  let due = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const run = async () => {
    due = false;
    await refresh();
    timer = stopped ? undefined : setTimeout(() => {
      timer = undefined;
      if (due) start();
    }, REFRESH_INTERVAL);
  };
  const start = () => {
    due = true;
    if (timer !== undefined || document.hidden) return;
    timer = setTimeout(() => void run());
  };
  let first = true;
  const unsubscribe = history.latest.subscribe(() => {
    if (!first) start();
    first = false;
  });
  const onVisible = () => due && start();
  addEventListener('visibilitychange', onVisible);
  return () => {
    stopped = true;
    clearTimeout(timer);
    unsubscribe();
    removeEventListener('visibilitychange', onVisible);
  };
}
