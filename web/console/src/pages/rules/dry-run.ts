/** The result of a dry run in words. */

import { formatCount } from '../../format/number.ts';
import type { DryRunQuery, NotFiredReason } from '../../generated/graphql.ts';

export type DryRunResult = DryRunQuery['testAlertRule'];
export type Firing = DryRunResult['fired'][number];

/** How many firings are listed. */
export const LISTED_FIRINGS = 50;

const reasons: Record<NotFiredReason, string> = {
  NO_PRICES: 'there are no prices to try it on',
  NO_REFERENCE: 'no price had what it is compared with, such as a previous close',
  NEVER_TRUE: 'it was never true',
  NOT_HELD: 'it was never true for long enough',
  EXPIRED: 'it had expired before the first price',
};

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Whether and how often the rule would have fired. */
export function outcome(result: Pick<DryRunResult, 'count' | 'notFired'>): string {
  if (result.count > 0) return `Would have fired ${counted(result.count, 'time')}`;
  return `Would not have fired: ${reasons[result.notFired ?? 'NEVER_TRUE']}`;
}

/** What was evaluated, such as `1,204 prices, 30 candles`. */
export function seen(result: Pick<DryRunResult, 'pricesSeen' | 'candlesSeen'>): string {
  return `${counted(result.pricesSeen, 'price')}, ${counted(result.candlesSeen, 'candle')}`;
}
