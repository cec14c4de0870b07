import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface Shortcut {
  /** As people read it: `n`, `?`, `ArrowDown`, `g s` for one key after another, `Ctrl+k`. */
  keys: string;
  /** What it does, for the list of shortcuts. */
  label: string;
  run(event: KeyboardEvent): void;
}

/** All shortcuts that act now. Of two with the same keys, the first one acts. */
export const shortcuts = signal<readonly Shortcut[]>([]);

const STORED = 'stock-tracker.single-keys';

/** Whether keys without Ctrl act. */
export const singleKeys = signal(localStorage.getItem(STORED) !== 'off');

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  if (on) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, 'off');
}

/**
 * Adds shortcuts while a component is shown. Their functions may change with each render. Those of a page come before
 * those of all pages.
 */
export function useShortcuts(list: readonly Shortcut[], { ofAllPages = false } = {}): void {
  const latest = useRef(list);
  latest.current = list;
  const names = list.map(({ keys, label }) => `${keys} ${label}`).join('\n');
  useLayoutEffect(() => {
    const added = latest.current.map(({ keys, label }, at) => ({
      keys,
      label,
      run: (event: KeyboardEvent) => latest.current[at]?.run(event),
    }));
    const before = shortcuts.peek();
    shortcuts.value = ofAllPages ? [...before, ...added] : [...added, ...before];
    return () => (shortcuts.value = shortcuts.peek().filter((it) => !added.includes(it)));
  }, [names]);
}

/** The first key of a sequence, while the second one may follow. */
let prefix = '';
let prefixTimer: ReturnType<typeof setTimeout> | undefined;
const SEQUENCE_TIMEOUT = 1500;

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || event.metaKey) return;
  const control = event.ctrlKey ? 'Ctrl+' : '';
  if (control === '' && (!singleKeys.peek() || isTakenBy(event))) return;
  if (document.querySelector('dialog[open]')) return;
  const key = event.key.length === 1 && control ? event.key.toLowerCase() : event.key;
  const pressed = `${prefix}${control}${key}`;
  clearTimeout(prefixTimer);
  prefix = '';
  const found = shortcuts.peek().find(({ keys }) => keys === pressed);
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (shortcuts.peek().some(({ keys }) => keys.startsWith(`${pressed} `))) {
    prefix = `${pressed} `;
    prefixTimer = setTimeout(() => (prefix = ''), SEQUENCE_TIMEOUT);
  }
});

const FIELDS = 'input, textarea, select, [contenteditable]';
/** Controls that arrow keys, Enter or Space belong to. */
const CONTROLS = 'a, button, [role=menu], [role=listbox], [role=radiogroup], [role=img][tabindex], [data-keys]';

/** Whether the focused control uses the key itself. */
function isTakenBy({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  const field = target.closest(FIELDS);
  if (field) return !(key === 'Escape') && !isRadioButton(field, key);
  if (key === 'Enter' || key === ' ') return target.closest('a, button, summary, [role=menu], [data-keys]') !== null;
  return key.startsWith('Arrow') && target.closest(CONTROLS) !== null && target.closest('[data-rows]') === null;
}

/** A radio button or a checkbox takes no letters. */
const isRadioButton = (field: Element, key: string): boolean =>
  field instanceof HTMLInputElement && ['radio', 'checkbox'].includes(field.type) && /^[a-z0-9?/]$/.test(key);
