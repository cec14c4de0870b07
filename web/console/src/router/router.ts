import { computed, signal } from '@preact/signals';
import { consoleAddress, serverPath } from './base.ts';

const here = () => ({ path: consoleAddress(location.pathname), search: location.search });
const current = signal(here());

addEventListener('popstate', () => (current.value = here()));

/** The path of the address. */
export const path = computed(() => current.value.path);

/** The parameters of the address. */
export const params = computed(() => new URLSearchParams(current.value.search));

/** Whether the page before this one is of the console, so that going back stays in it. */
let depth = 0;

/** Goes to an address of the console. */
export function navigate(href: string, { replace = false } = {}): void {
  const url = new URL(serverPath(href), location.href);
  if (replace) history.replaceState(null, '', url);
  else {
    if (url.href === location.href) return;
    history.pushState(null, '', url);
    depth += 1;
  }
  current.value = here();
  if (!replace) scrollTo(0, 0);
}

/** Goes back, or to `/` from the first page. */
export function goBack(): void {
  if (depth > 0) {
    depth -= 1;
    history.back();
  } else {
    navigate('/');
  }
}

/** Changes parameters of the address in place; null removes one. */
export function setParams(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const search = next.size === 0 ? '' : `?${next}`;
  navigate(`${path.value}${search}`, { replace: true });
}

/** The address of a stock's page. */
export const stockHref = (symbol: string): string => `/stocks/${encodeURIComponent(symbol)}`;
