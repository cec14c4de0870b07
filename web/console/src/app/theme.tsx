import { signal } from '@preact/signals';

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const STORED = 'stock-tracker.theme';
const stored = localStorage.getItem(STORED);

/** The colours that the user wants. */
export const theme = signal<Theme>(THEMES.find((it) => it === stored) ?? 'system');
apply(theme.value);

function apply(chosen: Theme): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}

/** Changes to the next theme. */
export function changeTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  if (next === 'system') localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, next);
  apply(next);
  // What draws on a canvas reads the colours now.
  theme.value = next;
}

const ICONS = { system: '◐', light: '☀', dark: '☾' } as const;

/** Changes from the colours of the system to light, to dark, and back. */
export const ThemeButton = () => (
  <button type="button" class="icon" aria-label="Theme" title={`Theme: ${theme.value}`} onClick={changeTheme}>
    <span aria-hidden="true">{ICONS[theme.value]}</span>
  </button>
);
