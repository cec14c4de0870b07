// The list of prices of a stock, newest first. It has every stored price once, except in gaps.
import type { HistoryPriceFragment as Price } from '../../generated/graphql.ts';

/** Prices between two others that are not in the list. */
export interface Gap {
  kind: 'gap';
  /** When the newest price before it, and the oldest after it, were recorded. */
  from: string;
  to: string;
}

export interface HistoryList {
  entries: readonly (Price | Gap)[];
  /** Whether there are older prices than the last one. */
  hasOlder: boolean;
}

/** With more entries than this, the oldest ones leave the list; *Older* loads them again. */
const MOST = 2000;

export const isGap = (entry: Price | Gap): entry is Gap => 'kind' in entry;

const isPrice = (entry: Price | Gap): entry is Price => !isGap(entry);

/** The prices without the gaps. */
export const pricesOf = ({ entries }: HistoryList): Price[] => entries.filter(isPrice);

export const newestOf = ({ entries }: HistoryList): Price | null =>
  entries.find(isPrice) ?? null;

/** Adds prices that were sent in order, each newer than all in the list. */
export function addNewer(list: HistoryList, prices: readonly Price[]): HistoryList {
  const newest = newestOf(list)?.cursor;
  const added = prices.filter(({ cursor }) => cursor !== newest).reverse();
  const entries = [...added, ...list.entries];
  return { entries: entries.slice(0, MOST), hasOlder: list.hasOlder || entries.length > MOST };
}

/** Adds the first price after an interruption whose prices cannot be resumed. */
export function addAfterGap(list: HistoryList, price: Price): HistoryList {
  const newest = newestOf(list);
  // Of a list without a price, nothing is known: what is older can be loaded.
  if (!newest) return { entries: [price], hasOlder: true };
  const gap: Gap = { kind: 'gap', from: newest.recordedAt, to: price.recordedAt };
  return { entries: [price, gap, ...list.entries], hasOlder: list.hasOlder };
}

/** Adds the page of prices that follows the list, newest first. */
export function addOlder(list: HistoryList, prices: readonly Price[], hasOlder: boolean): HistoryList {
  const known = new Set(pricesOf(list).map(({ cursor }) => cursor));
  return { entries: [...list.entries, ...prices.filter(({ cursor }) => !known.has(cursor))], hasOlder };
}

/** Replaces a gap by its prices, newest first. Those that are in the list already are not added again. */
export function fillGap(list: HistoryList, gap: Gap, prices: readonly Price[]): HistoryList {
  const at = list.entries.indexOf(gap);
  if (at < 0) return list;
  // Cursors of another database differ from those of the same prices before.
  const keyOf = ({ recordedAt, price }: Price): string => `${recordedAt} ${price}`;
  const known = new Set(pricesOf(list).map(keyOf));
  const added = prices.filter((price) => !known.has(keyOf(price)));
  return { ...list, entries: [...list.entries.slice(0, at), ...added, ...list.entries.slice(at + 1)] };
}
