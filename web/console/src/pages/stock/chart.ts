// The drawing of the chart, which is loaded with the library that it needs.
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type MouseEventParams,
  type SeriesMarker,
  type SeriesType,
  type Time,
} from 'lightweight-charts';
import { formatDate, formatTime } from '../../format/time.ts';
import { colorsOf, type Colors } from './chart-colors.ts';
import { precisionOf, type Bar } from './chart-data.ts';

export interface RuleLine {
  id: string;
  title: string;
  threshold: string;
}

export interface Mark {
  bar: Bar;
  direction: 'UP' | 'DOWN' | null;
}

interface Events {
  /** The bar that the pointer is at, and the price. */
  onPoint(index: number | null, price: string | null): void;
  /** A line was dragged to a price. */
  onDrag(id: string, threshold: string): void;
  /** The oldest bars are in view. */
  onOldest(): void;
}

/** How near to a line, in pixels, a pointer takes it. */
const GRIP = 5;
/** The number of bars in view at first, and the room for them if there are fewer. */
const IN_VIEW = 120;
const LEAST_IN_VIEW = 50;
const FEW_LEFT = 20;

/** The wheel and vertical swipes scroll the page. */
const HANDLING = {
  handleScroll: { vertTouchDrag: false, mouseWheel: false, pressedMouseMove: true, horzTouchDrag: true },
  handleScale: { mouseWheel: false, axisPressedMouseMove: { time: true, price: false }, pinch: true },
} as const;

const seconds = (time: Time): Date | null => (typeof time === 'number' ? new Date(time * 1000) : null);

export class StockChart {
  #chart: IChartApi;
  #series: ISeriesApi<SeriesType>;
  #volume: ISeriesApi<'Histogram'>;
  #markers: ReturnType<typeof createSeriesMarkers<Time>>;
  #lines = new Map<string, { line: IPriceLine; rule: RuleLine }>();
  #bars: readonly Bar[] = [];
  #marks: readonly Mark[] = [];
  #colors: Colors;
  #container: HTMLElement;
  #events: Events;
  #asLine: boolean;
  #dragged: string | null = null;
  /** The time of the bar that keys selected. */
  #selected: Bar['time'] | null = null;
  #precision = 2;

  constructor(container: HTMLElement, asLine: boolean, events: Events) {
    this.#container = container;
    this.#events = events;
    this.#asLine = asLine;
    this.#colors = colorsOf(container);
    this.#chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: 'transparent' }, fontSize: 11 },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.22 } },
      timeScale: {
        borderVisible: false,
        timeVisible: true,
        secondsVisible: asLine,
        rightOffset: 4,
        minBarSpacing: 0.5,
        tickMarkFormatter: (time: Time) => {
          const date = seconds(time);
          return date ? formatTime(date).slice(0, asLine ? 8 : 5) : null;
        },
      },
      localization: {
        locale: 'en-US',
        timeFormatter: (time: Time) => {
          const date = seconds(time);
          return date ? `${formatDate(date)} ${formatTime(date)}` : String(time);
        },
      },
      ...HANDLING,
    });
    this.#series = asLine ? this.#chart.addSeries(LineSeries) : this.#chart.addSeries(CandlestickSeries);
    this.#volume = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: '',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#markers = createSeriesMarkers(this.#series, []);
    this.paint();
    this.#chart.subscribeCrosshairMove((event) => this.#point(event));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < FEW_LEFT && this.#bars.length > 0) this.#events.onOldest();
    });
    container.addEventListener('pointerdown', this.#grip, { capture: true });
    container.addEventListener('pointermove', this.#hover);
    container.addEventListener('wheel', this.#zoom, { passive: false });
  }

  /** Takes the colours of the theme. */
  paint(): void {
    const { text, line, up, down, accent } = (this.#colors = colorsOf(this.#container));
    this.#chart.applyOptions({
      layout: { textColor: text, fontFamily: getComputedStyle(this.#container).fontFamily },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
    });
    this.#series.applyOptions(
      this.#asLine
        ? { color: accent, lineWidth: 2 }
        : { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false },
    );
    for (const { line: price } of this.#lines.values()) price.applyOptions({ color: accent });
    this.setMarks(this.#marks);
    this.#drawVolume();
  }

  setBars(bars: readonly Bar[]): void {
    const before = this.#bars;
    this.#bars = bars;
    this.#precision = precisionOf(bars);
    this.#series.applyOptions({
      priceFormat: { type: 'price', precision: this.#precision, minMove: 10 ** -this.#precision },
    });
    const timeScale = this.#chart.timeScale();
    const range = timeScale.getVisibleLogicalRange();
    this.#series.setData(
      bars.map(({ time, open, high, low, close }) => {
        const at = time as Time;
        if (this.#asLine) return { time: at, value: Number(close) };
        return { time: at, open: Number(open), high: Number(high), low: Number(low), close: Number(close) };
      }),
    );
    this.#drawVolume();
    if (before.length === 0) {
      const inView = Math.min(Math.max(bars.length, LEAST_IN_VIEW), IN_VIEW);
      timeScale.setVisibleLogicalRange({ from: bars.length - inView, to: bars.length + 3 });
    } else if (range && bars[0]?.time !== before[0]?.time) {
      // Older bars were added: what is in view stays.
      const added = bars.findIndex(({ time }) => time === before[0]?.time);
      if (added > 0) timeScale.setVisibleLogicalRange({ from: range.from + added, to: range.to + added });
    }
    this.#selectAgain();
  }

  /** The library hides the crosshair when bars change, and the index of the bar may be another one. */
  #selectAgain(): void {
    if (this.#selected === null) return;
    const index = this.#bars.findIndex(({ time }) => time === this.#selected);
    this.select(index < 0 ? null : index);
    this.#events.onPoint(index < 0 ? null : index, this.#bars[index]?.close ?? null);
  }

  setMarks(marks: readonly Mark[]): void {
    this.#marks = marks;
    const { up, down, accent } = this.#colors;
    this.#markers.setMarkers(
      marks.map(({ bar, direction }): SeriesMarker<Time> => {
        const isDown = direction === 'DOWN';
        return {
          time: bar.time as Time,
          position: isDown ? 'aboveBar' : 'belowBar',
          shape: direction === null ? 'circle' : isDown ? 'arrowDown' : 'arrowUp',
          color: direction === null ? accent : isDown ? down : up,
        };
      }),
    );
  }

  setRules(rules: readonly RuleLine[]): void {
    for (const [id, { line }] of this.#lines) {
      if (rules.some((rule) => rule.id === id)) continue;
      this.#series.removePriceLine(line);
      this.#lines.delete(id);
    }
    for (const rule of rules) {
      const known = this.#lines.get(rule.id);
      const options = { price: Number(rule.threshold), title: rule.title };
      if (known) {
        known.rule = rule;
        if (this.#dragged !== rule.id) known.line.applyOptions(options);
      } else {
        const line = this.#series.createPriceLine({
          ...options,
          color: this.#colors.accent,
          lineWidth: 1,
          lineStyle: LineStyle.Dashed,
        });
        this.#lines.set(rule.id, { line, rule });
      }
    }
  }

  /** Moves the crosshair to a bar, and the bar into view; or hides it. */
  select(index: number | null): void {
    const bar = index === null ? undefined : this.#bars[index];
    this.#selected = bar?.time ?? null;
    if (!bar || index === null) {
      this.#chart.clearCrosshairPosition();
      return;
    }
    const timeScale = this.#chart.timeScale();
    const range = timeScale.getVisibleLogicalRange();
    if (range && (index < range.from + 1 || index > range.to - 1)) {
      const width = range.to - range.from;
      timeScale.setVisibleLogicalRange({ from: index - width / 2, to: index + width / 2 });
    }
    this.#drawCrosshair(bar);
  }

  #drawCrosshair({ time, close }: Bar): void {
    this.#chart.setCrosshairPosition(Number(close), time as Time, this.#series);
  }

  remove(): void {
    this.#container.removeEventListener('pointerdown', this.#grip, { capture: true });
    this.#container.removeEventListener('pointermove', this.#hover);
    this.#container.removeEventListener('wheel', this.#zoom);
    this.#chart.remove();
  }

  #drawVolume(): void {
    const { volumeUp, volumeDown } = this.#colors;
    this.#volume.setData(
      this.#asLine
        ? []
        : this.#bars.map(({ time, open, close, volume }) => ({
            time: time as Time,
            value: Number(volume ?? 0),
            color: Number(close) < Number(open) ? volumeDown : volumeUp,
          })),
    );
  }

  #point({ logical, point, sourceEvent }: MouseEventParams): void {
    if (sourceEvent) this.#selected = null;
    if (this.#selected !== null) {
      // The library keeps the crosshair where it was on the screen, which may now be another bar.
      const bar = this.#bars.find(({ time }) => time === this.#selected);
      if (bar) this.#drawCrosshair(bar);
      return;
    }
    if (!point || logical === undefined) {
      this.#events.onPoint(null, null);
      return;
    }
    const index = Math.min(Math.max(0, Math.round(logical)), this.#bars.length - 1);
    this.#events.onPoint(index < 0 ? null : index, this.#priceAt(point.y));
  }

  #priceAt(y: number): string | null {
    const price = this.#series.coordinateToPrice(y);
    return price === null || price <= 0 ? null : price.toFixed(this.#precision);
  }

  #lineAt(event: PointerEvent): string | null {
    const y = event.clientY - this.#container.getBoundingClientRect().top;
    for (const [id, { line }] of this.#lines) {
      const at = this.#series.priceToCoordinate(line.options().price);
      if (at !== null && Math.abs(at - y) <= GRIP) return id;
    }
    return null;
  }

  #hover = (event: PointerEvent): void => {
    if (this.#dragged !== null) return;
    this.#container.classList.toggle('on-line', this.#lineAt(event) !== null);
  };

  #grip = (event: PointerEvent): void => {
    const id = event.button === 0 ? this.#lineAt(event) : null;
    const dragged = id === null ? undefined : this.#lines.get(id);
    if (id === null || !dragged) return;
    event.preventDefault();
    event.stopPropagation();
    this.#dragged = id;
    this.#chart.applyOptions({ handleScroll: false, handleScale: false });
    const { top } = this.#container.getBoundingClientRect();
    let threshold: string | null = null;
    const move = ({ clientY }: PointerEvent) => {
      threshold = this.#priceAt(clientY - top);
      if (threshold !== null) dragged.line.applyOptions({ price: Number(threshold) });
    };
    const end = (ended: Event) => {
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
      this.#dragged = null;
      this.#chart.applyOptions(HANDLING);
      if (ended.type === 'pointerup' && threshold !== null) this.#events.onDrag(id, threshold);
      else dragged.line.applyOptions({ price: Number(dragged.rule.threshold) });
    };
    addEventListener('pointermove', move);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
  };

  /** Zooms with Ctrl only: the page scrolls otherwise. */
  #zoom = (event: WheelEvent): void => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const timeScale = this.#chart.timeScale();
    const range = timeScale.getVisibleLogicalRange();
    if (!range) return;
    const width = (range.to - range.from) * (event.deltaY > 0 ? 1.2 : 1 / 1.2);
    timeScale.setVisibleLogicalRange({ from: range.to - Math.max(10, width), to: range.to });
  };
}
