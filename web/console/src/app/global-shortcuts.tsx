import { openDialog } from '../components/Dialog.tsx';
import { useShortcuts, type Shortcut } from '../keyboard/keys.ts';
import { navigate, path } from '../router/router.ts';
import { openCreateRule } from '../pages/rules/create-rule.tsx';
import { GoToDialog } from './GoToDialog.tsx';
import { openShortcuts } from './ShortcutsDialog.tsx';
import { symbolOf } from './routes.tsx';

const openGoTo = () => openDialog((close) => <GoToDialog onClose={close} />);

const SHORTCUTS: readonly Shortcut[] = [
  { keys: 'Ctrl+k', label: 'Go to a stock, a page or an action', run: openGoTo },
  { keys: '/', label: 'Filter or find', run: openGoTo },
  { keys: '?', label: 'Keyboard shortcuts', run: openShortcuts },
  { keys: 'g s', label: 'Stocks', run: () => navigate('/') },
  { keys: 'g a', label: 'Alerts', run: () => navigate('/alerts') },
  { keys: 'g r', label: 'Rules', run: () => navigate('/rules') },
  { keys: 'g w', label: 'Webhooks', run: () => navigate('/webhooks') },
  { keys: 'g t', label: 'Status', run: () => navigate('/status') },
  { keys: 'n', label: 'Create rule', run: () => openCreateRule({ symbol: symbolOf(path.peek()) }) },
];

/** The keys of every page. */
export function useGlobalShortcuts(): void {
  useShortcuts(SHORTCUTS, { ofAllPages: true });
}
