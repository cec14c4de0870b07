import { signal } from '@preact/signals';

/** The time, which changes every second while the page is visible. */
export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);
addEventListener('visibilitychange', () => (now.value = Date.now()));
