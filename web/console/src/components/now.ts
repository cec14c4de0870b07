import { computed, signal } from '@preact/signals';
import { formatDate } from '../format/time.ts';

/** The time, which changes every second while the page is visible. */
export const now = signal(Date.now());

/** The date in the zone of the viewer, for what changes once a day only. */
export const today = computed(() => formatDate(new Date(now.value)));

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);
addEventListener('visibilitychange', () => (now.value = Date.now()));
