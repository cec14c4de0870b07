/** A list of alerts, newest first, and those that wait to be shown. As pure functions. */

import type { AlertFieldsFragment } from '../../generated/graphql.ts';

export interface AlertList {
  shown: readonly AlertFieldsFragment[];
  /** New ones, newest first, that would move what is being read. */
  waiting: readonly AlertFieldsFragment[];
  /** Continues with older ones; null if there are none. */
  older: string | null;
}

/** How many alerts are kept, of a page that is open all day. The list continues after them. */
export const MAX_SHOWN = 1000;

/** Adds an alert that fired. It may be in the list already, if it fired while that was loaded. */
export function addAlert(list: AlertList, alert: AlertFieldsFragment, isReading: boolean): AlertList {
  const isKnown = [...list.waiting, ...list.shown].some(({ id }) => id === alert.id);
  if (isKnown) return list;
  const waiting = [alert, ...list.waiting];
  return isReading ? { ...list, waiting } : showWaiting({ ...list, waiting });
}

export function showWaiting(list: AlertList): AlertList {
  const all = [...list.waiting, ...list.shown];
  if (all.length <= MAX_SHOWN) return { ...list, shown: all, waiting: [] };
  const shown = all.slice(0, MAX_SHOWN);
  return { shown, waiting: [], older: shown.at(-1)!.cursor };
}

export function addOlder(list: AlertList, page: readonly AlertFieldsFragment[], older: string | null): AlertList {
  const known = new Set(list.shown.map(({ id }) => id));
  return { ...list, shown: [...list.shown, ...page.filter(({ id }) => !known.has(id))], older };
}

/** `at` is null for an alert that is not acknowledged after all. */
export function acknowledge(list: AlertList, id: string, at: string | null): AlertList {
  const change = (alert: AlertFieldsFragment) => (alert.id === id ? { ...alert, acknowledgedAt: at } : alert);
  return { ...list, shown: list.shown.map(change), waiting: list.waiting.map(change) };
}
