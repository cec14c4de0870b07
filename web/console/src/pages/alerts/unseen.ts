/** How many alerts the user has not seen, also in other tabs and since the last visit. */

import { signal } from '@preact/signals';

const STORED = 'stock-tracker.seen-alert';
/** What is stored before the first alert. */
const NONE = 'none';

/** The cursor of the newest alert that was seen; null if that is not known. */
let seen = read();
/** The newest cursor that was received, which is seen when the list is shown. Undefined until that is known. */
let newest: string | null | undefined;

/** How many alerts are new, at most as many as `countUnseen` was given. */
export const unseenAlerts = signal(0);

/** Counts what a list, newest first, has beyond the alert that was seen last. */
export function countUnseen(cursors: readonly string[]): void {
  newest = cursors[0] ?? null;
  if (seen === null) {
    // On the first visit, the alerts that exist are not new.
    markAllSeen();
    return;
  }
  const at = cursors.indexOf(seen);
  unseenAlerts.value = at < 0 ? cursors.length : at;
}

export function addUnseen(cursor: string): void {
  newest = cursor;
  unseenAlerts.value += 1;
}

/** The user sees the whole list. */
export function markAllSeen(): void {
  if (newest === undefined) return;
  unseenAlerts.value = 0;
  seen = newest ?? NONE;
  try {
    localStorage.setItem(STORED, seen);
  } catch {
    // Storage is blocked: it is known until the page is closed.
  }
}

function read(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** Another tab shows the list. */
addEventListener('storage', (event) => {
  if (event.key !== STORED || event.newValue === null) return;
  seen = event.newValue;
  if (seen === newest) unseenAlerts.value = 0;
});
