import { openDialog } from '../components/Dialog.tsx';
import { useShortcuts, type Shortcut } from '../keyboard/keys.ts';
import { navigate, path } from '../router/router.ts';
import { openCreateRule } from '../pages/rules/create-rule.tsx';
import { GoToDialog } from './GoToDialog.tsx';
import { PAGES } from './pages.ts';
import { openShortcuts } from './ShortcutsDialog.tsx';
import { symbolOf } from './routes.tsx';

const openGoTo = () => openDialog((close) => <GoToDialog onClose={close} />);

const SHORTCUTS: readonly Shortcut[] = [
  { keys: 'Ctrl+k', label: 'Go to a stock, a page or an action', run: openGoTo },
  { keys: '/', label: 'Filter or find', run: openGoTo },
  { keys: '?', label: 'Keyboard shortcuts', run: openShortcuts },
  ...PAGES.map(({ name, href, key }) => ({ keys: `g ${key}`, label: name, run: () => navigate(href) })),
  { keys: 'n', label: 'Create rule', run: () => openCreateRule({ symbol: symbolOf(path.peek()) }) },
];

/** The keys of every page. */
export function useGlobalShortcuts(): void {
  useShortcuts(SHORTCUTS, { ofAllPages: true });
}
