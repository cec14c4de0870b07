/** The state of the server, queried periodically while the page is visible. */

import { signal } from '@preact/signals';
import { query } from '../../api/index.ts';
import { StatusDocument, type StatusQuery } from '../../generated/graphql.ts';

export type Status = StatusQuery['status'];
export type Provider = Status['providers'][number];

/** Milliseconds between two queries: for the notices of every page, and for the page Status. */
const INTERVAL = 15_000;
const SHORT_INTERVAL = 5000;

export const status = signal<Status | null>(null);
/** When `status` was received. */
export const statusAt = signal(0);
/** Why the last query failed, or null. */
export const statusError = signal<unknown>(null);

let viewers = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let running = false;

export async function loadStatus(): Promise<void> {
  if (running) return;
  running = true;
  clearTimeout(timer);
  try {
    status.value = (await query(StatusDocument, {})).status;
    statusAt.value = Date.now();
    statusError.value = null;
  } catch (error) {
    statusError.value = error;
  } finally {
    running = false;
    schedule();
  }
}

function schedule(): void {
  clearTimeout(timer);
  if (document.hidden) return;
  timer = setTimeout(() => void loadStatus(), viewers > 0 ? SHORT_INTERVAL : INTERVAL);
}

/** Queries more often while a page shows the status. Returns how to stop. */
export function watchStatus(): () => void {
  viewers += 1;
  void loadStatus();
  return () => {
    viewers -= 1;
  };
}

addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else void loadStatus();
});
void loadStatus();
