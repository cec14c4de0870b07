import { effect, useSignal } from '@preact/signals';
import { useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { messageOf, mutate } from '../../api/index.ts';
import { theme } from '../../app/theme.tsx';
import { Failed, Loading } from '../../components/ListState.tsx';
import { showMessage } from '../../components/message.tsx';
import { UpdateRuleDocument, type CandleFieldsFragment } from '../../generated/graphql.ts';
import { params } from '../../router/router.ts';
import type { Alerts } from '../alerts/useAlerts.ts';
import { openCreateRule } from '../rules/create-rule.tsx';
import { describeKind, ruleName } from '../rules/kinds.ts';
import type { Rules } from '../rules/useRules.ts';
import type { Mark, RuleLine, StockChart } from './chart.ts';
import { barAt, barsOfCandles, barsOfPrices, describe, describeBar, type Bar } from './chart-data.ts';
import { chooseInterval, showsTable, toggleTable } from './chart-view.ts';
import { ChartTable } from './ChartTable.tsx';
import { pricesOf } from './history-list.ts';
import { intervalOf, INTERVALS, type Interval } from './intervals.ts';
import { pointedPrice } from './pointed-price.ts';
import type { PriceHistory } from './PriceHistory.ts';
import { useCandles } from './useCandles.ts';

interface Props {
  history: PriceHistory;
  /** The candles that the query of the page brought. */
  initial: { interval: string; candles: readonly CandleFieldsFragment[] | null };
  alerts: Alerts;
  rules: Rules;
}

/** The chart of a stock, or the same as a table. */
export function ChartPanel({ history, initial, alerts, rules }: Props) {
  const { symbol } = history;
  const interval = intervalOf(params.value);
  const asTable = showsTable.value;
  const candles = useCandles(history, interval, initial);
  const list = history.list.value;
  const bars = useMemo(
    () =>
      interval.candles === null
        ? barsOfPrices(pricesOf(list))
        : candles.candles && barsOfCandles(candles.candles, interval),
    [interval, interval.candles === null ? list : candles.candles],
  );
  return (
    <figure class="panel chart-panel" aria-label={`Chart of ${symbol}`}>
      <div class="chart-tools">
        <Intervals chosen={interval} onChoose={chooseInterval} />
        <button type="button" onClick={toggleTable}>{asTable ? 'Show as chart' : 'Show as table'}</button>
      </div>
      {bars === null && candles.error === null && <Loading rows={8} />}
      {bars === null && candles.error !== null && <Failed what="Candles" error={candles.error} retry={candles.reload} />}
      {bars !== null && asTable && <ChartTable bars={bars} />}
      {bars !== null && !asTable && (
        <Drawing
          key={interval.key}
          symbol={symbol}
          interval={interval}
          bars={bars}
          alerts={alerts}
          rules={rules}
          onOldest={candles.loadOlder}
        />
      )}
    </figure>
  );
}

function Intervals({ chosen, onChoose }: { chosen: Interval; onChoose(interval: Interval): void }) {
  const name = useId();
  return (
    <div class="segments" role="radiogroup" aria-label="Interval">
      {INTERVALS.map((interval) => (
        <label key={interval.key}>
          <input type="radio" name={name} checked={interval === chosen} onChange={() => onChoose(interval)} />
          {interval.name}
        </label>
      ))}
    </div>
  );
}

interface DrawingProps {
  symbol: string;
  interval: Interval;
  bars: readonly Bar[];
  alerts: Alerts;
  rules: Rules;
  onOldest(): void;
}

function Drawing({ symbol, interval, bars, alerts, rules, onOldest }: DrawingProps) {
  const container = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<StockChart | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const pointed = useSignal<number | null>(null);
  /** Moved by keys, and so to be spoken. */
  const spoken = useSignal('');
  const marks = useMemo(() => marksOf(alerts, bars), [alerts.list, bars]);
  const lines = useMemo(() => linesOf(rules), [rules.rules]);
  const latest = useRef({ onOldest, rules });
  latest.current = { onOldest, rules };

  // A layout effect ends when its element is removed; another one only after the next paint.
  useLayoutEffect(() => {
    let drawn: StockChart | undefined;
    let stopped = false;
    const repaint = () => drawn?.paint();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    import('./chart.ts').then(
      ({ StockChart: Chart }) => {
        if (stopped) return;
        drawn = new Chart(container.current!, interval.candles === null, {
          onPoint(index, price) {
            pointed.value = index;
            pointedPrice.value = price;
          },
          onDrag: (id, threshold) => void moveRule(latest.current.rules, id, threshold),
          onOldest: () => latest.current.onOldest(),
        });
        setChart(drawn);
      },
      (error: unknown) => stopped || setFailure(error),
    );
    const stopTheme = effect(() => {
      void theme.value;
      repaint();
    });
    dark.addEventListener('change', repaint);
    return () => {
      stopped = true;
      stopTheme();
      dark.removeEventListener('change', repaint);
      pointedPrice.value = null;
      drawn?.remove();
    };
  }, [attempt]);
  // Layout effects, so that the next key selects one of these bars.
  useLayoutEffect(() => chart?.setBars(bars), [chart, bars]);
  useLayoutEffect(() => chart?.setMarks(marks), [chart, marks]);
  useLayoutEffect(() => chart?.setRules(lines), [chart, lines]);

  function onKeyDown(event: KeyboardEvent): void {
    const at = pointed.peek() ?? bars.length;
    const targets: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 };
    const target = targets[event.key];
    if (target === undefined || bars.length === 0) return;
    event.preventDefault();
    const index = Math.min(Math.max(0, target), bars.length - 1);
    chart?.select(index);
    pointed.value = index;
    pointedPrice.value = bars[index]!.close;
    spoken.value = describeBar(bars[index]!, interval);
  }

  function onContextMenu(event: Event): void {
    if (pointedPrice.peek() === null) return;
    event.preventDefault();
    openCreateRule({ symbol, price: pointedPrice.peek() });
  }

  if (failure !== null) {
    const retry = () => {
      setFailure(null);
      setAttempt(attempt + 1);
    };
    return <Failed what="The drawing" error={failure} retry={retry} />;
  }
  const bar = bars[pointed.value ?? bars.length - 1];
  return (
    <>
      <p class="legend" aria-hidden="true">{bar ? describeBar(bar, interval) : 'No prices in this interval yet'}</p>
      <div
        ref={container}
        class="chart"
        role="img"
        tabIndex={0}
        data-keys
        aria-label={describe(symbol, interval, bars)}
        onKeyDown={onKeyDown}
        onContextMenu={onContextMenu}
        onBlur={() => {
          chart?.select(null);
          pointed.value = null;
        }}
      />
      <p class="visually-hidden" role="status" aria-label="Candle">{spoken}</p>
    </>
  );
}

function marksOf({ list }: Alerts, bars: readonly Bar[]): Mark[] {
  const marks = [...(list?.waiting ?? []), ...(list?.shown ?? [])].flatMap((alert) => {
    const bar = barAt(bars, alert);
    return bar ? [{ bar, direction: alert.direction ?? null }] : [];
  });
  // The library requires the order of time.
  const order = new Map(bars.map((bar, at) => [bar, at]));
  return marks.sort((left, right) => order.get(left.bar)! - order.get(right.bar)!);
}

const linesOf = ({ rules }: Rules): RuleLine[] =>
  (rules ?? [])
    .filter(({ kind, enabled, expired }) => describeKind(kind).isLevel && enabled && !expired)
    .map((rule) => ({ id: rule.id, title: shortened(ruleName(rule)), threshold: rule.threshold }));

/** A title covers what is drawn behind it. */
const shortened = (title: string): string => (title.length > 28 ? `${title.slice(0, 27)}…` : title);

/** Changes the threshold of a rule at once, and takes that back if it is refused. */
async function moveRule(rules: Rules, id: string, threshold: string): Promise<void> {
  const before = rules.rules?.find((rule) => rule.id === id);
  if (!before) return;
  rules.change(id, { threshold });
  try {
    const done = await mutate(UpdateRuleDocument, { input: { id, threshold } });
    rules.change(id, { threshold: done ? done.updateAlertRule.alertRule.threshold : before.threshold });
  } catch (error) {
    rules.change(id, { threshold: before.threshold });
    showMessage(`${ruleName(before)} was not changed: ${messageOf(error)}`, { failed: true });
  }
}
