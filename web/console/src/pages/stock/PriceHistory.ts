import { computed, signal } from '@preact/signals';
import { connection, query } from '../../api/index.ts';
import {
  HistoryPricesDocument,
  OlderPricesDocument,
  type HistoryPriceFragment as Price,
  type OlderPricesQuery,
} from '../../generated/graphql.ts';
import { addAfterGap, addNewer, addOlder, fillGap, newestOf, pricesOf, type Gap, type HistoryList } from './history-list.ts';

const PAGE = 100;

/** The prices of a stock, which grow while the page is shown. */
export class PriceHistory {
  readonly symbol: string;
  readonly list = signal<HistoryList>({ entries: [], hasOlder: false });
  readonly latest = computed(() => newestOf(this.list.value));
  #pending: Price[] = [];
  /** Cancels what will flush. */
  #cancel: (() => void) | null = null;

  constructor(symbol: string, newest: readonly Price[], hasOlder: boolean) {
    this.symbol = symbol;
    this.list.value = { entries: newest, hasOlder };
  }

  /** Follows new prices, from the newest one in the list. Returns how to stop. */
  follow(): () => void {
    let expired = false;
    const following = connection.follow<Price>({
      query: HistoryPricesDocument.toString(),
      variables: { symbols: [this.symbol] },
      after: this.latest.peek()?.cursor ?? null,
      next: (price) => {
        if (expired || this.#isEmpty()) {
          this.#flush();
          this.list.value = addAfterGap(this.list.peek(), price);
          expired = false;
        } else {
          this.#pending.push(price);
          this.#flushSoon();
        }
      },
      expired: () => (expired = true),
    });
    const flush = () => this.#flush();
    addEventListener('visibilitychange', flush);
    return () => {
      following.stop();
      this.#cancel?.();
      removeEventListener('visibilitychange', flush);
    };
  }

  async loadOlder(): Promise<void> {
    const last = pricesOf(this.list.peek()).at(-1);
    const { history } = await query(OlderPricesDocument, {
      symbol: this.symbol,
      after: last?.cursor ?? null,
      first: PAGE,
    });
    this.list.value = addOlder(this.list.peek(), history.nodes, history.pageInfo.hasNextPage);
  }

  /** Loads what is missing, as far as it is stored. */
  async loadGap(gap: Gap): Promise<void> {
    const prices: Price[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { history }: OlderPricesQuery = await query(OlderPricesDocument, {
        symbol: this.symbol,
        from: gap.from,
        to: gap.to,
        first: 500,
        after,
      });
      prices.push(...history.nodes);
      after = history.pageInfo.endCursor ?? null;
      more = history.pageInfo.hasNextPage;
    }
    this.list.value = fillGap(this.list.peek(), gap, prices);
  }

  #isEmpty(): boolean {
    return this.#pending.length === 0 && this.latest.peek() === null;
  }

  /** In the next frame. A hidden tab has none: there, once a second is enough for its title. */
  #flushSoon(): void {
    if (this.#cancel) return;
    if (document.hidden) {
      const timer = setTimeout(() => this.#flush(), 1000);
      this.#cancel = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(() => this.#flush());
      this.#cancel = () => cancelAnimationFrame(frame);
    }
  }

  #flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#pending.length === 0) return;
    const prices = this.#pending;
    this.#pending = [];
    this.list.value = addNewer(this.list.peek(), prices);
  }
}
