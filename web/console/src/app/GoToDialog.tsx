import { useEffect, useMemo, useState } from 'preact/hooks';
import { adminToken, askAdminToken } from '../api/index.ts';
import { Combobox, type Option } from '../components/Combobox.tsx';
import { Dialog, openDialog } from '../components/Dialog.tsx';
import { TrackDialog } from '../pages/board/TrackDialog.tsx';
import { openCreateRule } from '../pages/rules/create-rule.tsx';
import { hasGraphiQL, serverPath } from '../router/base.ts';
import { navigate, stockHref } from '../router/router.ts';
import { loadStocks, stocks } from '../stocks/stocks.ts';
import { PAGES } from './pages.ts';
import { openShortcuts } from './ShortcutsDialog.tsx';
import { changeTheme } from './theme.tsx';

interface Target extends Option {
  run(): void;
}

const MOST = 50;

const pages: readonly Target[] = [
  ...PAGES.map(({ name, href }) => ({ id: href, label: name, detail: 'page', run: () => navigate(href) })),
  ...(hasGraphiQL
    ? [{ id: '/graphiql', label: 'GraphiQL', detail: 'page', run: () => location.assign(serverPath('/graphiql')) }]
    : []),
];

const action = (label: string, run: () => void): Target => ({ id: `action ${label}`, label, detail: 'action', run });

const actions = (): Target[] => [
  action('Track a stock', () => openDialog((close) => <TrackDialog onClose={close} />)),
  action('Create rule', () => openCreateRule()),
  action('Change the theme', changeTheme),
  adminToken.value.value === null
    ? action('Sign in', () => void askAdminToken())
    : action('Sign out', () => adminToken.clear()),
  action('Keyboard shortcuts', openShortcuts),
];

/** Finds stocks, pages and actions by a part of their name. */
export function GoToDialog({ onClose }: { onClose(): void }) {
  const [text, setText] = useState('');
  const known = stocks.value;
  useEffect(() => {
    if (!known) void loadStocks();
  }, []);
  const targets = useMemo(() => find(text), [text, known]);
  return (
    <Dialog title="Go to" onClose={onClose} class="at-top">
      <Combobox
        label="Stock, page or action"
        value={text}
        onInput={setText}
        options={targets}
        choosesFirst
        onChoose={({ run }) => {
          onClose();
          // The dialog returns the focus first.
          setTimeout(run);
        }}
      />
    </Dialog>
  );
}

function find(text: string): Target[] {
  const wanted = text.trim().toLowerCase();
  const all: Target[] = [...(stocks.value?.values() ?? [])].map(({ symbol, name }) => ({
    id: `stock ${symbol}`,
    label: symbol,
    detail: name.peek() ?? 'stock',
    run: () => navigate(stockHref(symbol)),
  }));
  const found = [...all, ...pages, ...actions()].filter(({ label, detail }) =>
    `${label} ${detail}`.toLowerCase().includes(wanted),
  );
  // What begins with the text comes first; the order is kept otherwise.
  found.sort((left, right) => Number(begins(right, wanted)) - Number(begins(left, wanted)));
  if (/^[a-z0-9.\-^=/&:_]{1,32}$/.test(wanted) && !all.some(({ label }) => label.toLowerCase() === wanted)) {
    const symbol = wanted.toUpperCase();
    found.push({ id: `open ${symbol}`, label: symbol, detail: 'not tracked', run: () => navigate(stockHref(symbol)) });
  }
  return found.slice(0, MOST);
}

const begins = ({ label }: Target, wanted: string): boolean => label.toLowerCase().startsWith(wanted);
