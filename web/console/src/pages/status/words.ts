/** The state of providers in words. */

import { UNKNOWN } from '../../format/number.ts';
import { capitalized } from '../../format/text.ts';
import type { ProviderState } from '../../generated/graphql.ts';

interface ProviderWords {
  name: string;
  state: ProviderState;
  note?: string | null;
}

const STATES: Record<string, string> = {
  OK: 'OK',
  STREAMING: 'Streaming',
  STANDBY: 'Standby',
  RATE_LIMITED: 'Rate limited',
  BUDGET_SPENT: 'Budget spent',
  REFUSED: 'Refused',
  FAILING: 'Failing',
};

/** States in which a provider sends prices, or would if it was polled. */
const WORKING = new Set(['OK', 'STREAMING', 'STANDBY']);
/** Providers whose prices are not those of a market. */
const INVENTED = new Set(['replay', 'simulated']);

export const isWorking = (state: string): boolean => WORKING.has(state);

export const stateText = (state: string): string => STATES[state] ?? state;

/** The notice about a provider on every page, or null if none is needed. */
export function providerNotice({ name, state, note }: ProviderWords): string | null {
  if (!isWorking(state)) return `${name}: ${stateText(state).toLowerCase()}${note ? `, ${note}` : ''}`;
  return INVENTED.has(name) && note ? capitalized(note) : null;
}

/** `3 h`, `90 s`, `1.5 s`: how often a provider is polled. */
export function intervalText(seconds: number | null | undefined): string {
  if (seconds == null) return UNKNOWN;
  const units = [[86_400, 'd'], [3600, 'h'], [60, 'min']] as const;
  const [size, unit] = units.find(([it]) => seconds >= it && seconds % it === 0) ?? [1, 's'];
  return `${Math.round((seconds / size) * 100) / 100} ${unit}`;
}

/** `0.2 s`, `12 ms`: the delay of the feed. */
export function lagText(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Math.round(seconds * 10) / 10} s`;
}

interface BudgetWords {
  window: string;
  limit: number;
  left: number;
  resetsAt?: string | null;
}

/** `4 of 5 a minute, 18 of 25 a day`. */
export function budgetText(budgets: readonly BudgetWords[]): string {
  if (budgets.length === 0) return UNKNOWN;
  return budgets.map(({ window, limit, left }) => `${left} of ${limit} a ${window.toLowerCase()}`).join(', ');
}

/** When the first budget that is used has more again. */
export function nextReset(budgets: readonly BudgetWords[]): string | null {
  const times = budgets.map(({ resetsAt }) => resetsAt).filter((it) => it != null);
  return times.sort((one, other) => Date.parse(one) - Date.parse(other))[0] ?? null;
}
