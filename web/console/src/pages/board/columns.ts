import { compareDecimals } from '../../format/number.ts';
import type { StockRow } from '../../stocks/stock-row.ts';

export interface Column {
  /** In the address: `?sort=change`. */
  key: string;
  /** The header. */
  name: string;
  /** Right-aligned, and sorted from the largest at first. */
  numeric: boolean;
  /** Whether prices change the order. */
  live: boolean;
  /** The value to sort by; null is last in both directions. */
  value(row: StockRow): string | null;
}

const number = (key: string, name: string, value: (row: StockRow) => string | number | null | undefined): Column => ({
  key,
  name,
  numeric: true,
  live: true,
  value: (row) => {
    const digits = value(row);
    return digits == null ? null : String(digits);
  },
});

export const COLUMNS: readonly Column[] = [
  { key: 'symbol', name: 'Symbol', numeric: false, live: false, value: ({ symbol }) => symbol },
  { key: 'name', name: 'Name', numeric: false, live: false, value: ({ name }) => name.peek() },
  number('price', 'Price', ({ quote }) => quote.peek()?.price),
  number('change', 'Change', ({ quote }) => quote.peek()?.change),
  number('percent', 'Change %', ({ quote }) => quote.peek()?.changePercent),
  number('high', 'High', ({ quote }) => quote.peek()?.high),
  number('low', 'Low', ({ quote }) => quote.peek()?.low),
  number('volume', 'Volume', ({ quote }) => quote.peek()?.volume),
  { key: 'updated', name: 'Updated', numeric: true, live: true, value: ({ quote }) => quote.peek()?.recordedAt ?? null },
];

export interface Order {
  column: Column;
  direction: 'asc' | 'desc';
}

/** The order that the address names. */
export function orderOf(params: URLSearchParams): Order {
  const column = COLUMNS.find(({ key }) => key === params.get('sort')) ?? COLUMNS[0]!;
  const direction = params.get('dir');
  return { column, direction: direction === 'asc' || direction === 'desc' ? direction : firstDirection(column) };
}

export const firstDirection = ({ numeric }: Column): 'asc' | 'desc' => (numeric ? 'desc' : 'asc');

/** The rows whose symbol or name contains a text, in an order. Rows that are equal are in the order of symbols. */
export function arrange(rows: Iterable<StockRow>, filter: string, { column, direction }: Order): StockRow[] {
  const wanted = normalize(filter);
  const matches = ({ symbol, name }: StockRow): boolean =>
    normalize(symbol).includes(wanted) || normalize(name.peek() ?? '').includes(wanted);
  const found = wanted === '' ? [...rows] : [...rows].filter(matches);
  const values = new Map(found.map((row) => [row, column.value(row)]));
  const compare = column.numeric && column.key !== 'updated' ? compareDecimals : compareTexts;
  const sign = direction === 'asc' ? 1 : -1;
  return found.sort((left, right) => {
    const [first, second] = [values.get(left) ?? null, values.get(right) ?? null];
    if (first === null || second === null) {
      return first === second ? compareTexts(left.symbol, right.symbol) : first === null ? 1 : -1;
    }
    return sign * compare(first, second) || compareTexts(left.symbol, right.symbol);
  });
}

const normalize = (text: string): string => text.normalize('NFC').toLowerCase().trim();

const compareTexts = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
