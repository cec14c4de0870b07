import type { ComponentType } from 'preact';
import { Page } from '../components/Page.tsx';
import { AlertsPage } from '../pages/alerts/AlertsPage.tsx';
import { BoardPage } from '../pages/board/BoardPage.tsx';
import { RulesPage } from '../pages/rules/RulesPage.tsx';
import { StatusPage } from '../pages/status/StatusPage.tsx';
import { StockPage } from '../pages/stock/StockPage.tsx';
import { WebhooksPage } from '../pages/webhooks/WebhooksPage.tsx';
import { Link } from '../router/Link.tsx';
import { path } from '../router/router.ts';

const PAGES: Record<string, ComponentType> = {
  '/': BoardPage,
  '/alerts': AlertsPage,
  '/rules': RulesPage,
  '/webhooks': WebhooksPage,
  '/status': StatusPage,
};

/** The symbol in the address of a stock's page, or null for another page. */
export function symbolOf(address: string): string | null {
  const [, segment] = /^\/stocks\/([^/]+)$/.exec(address) ?? [];
  if (segment === undefined) return null;
  try {
    return decodeURIComponent(segment).toUpperCase();
  } catch {
    return segment;
  }
}

/** The page that the address names. */
export function CurrentPage() {
  const symbol = symbolOf(path.value);
  if (symbol !== null) return <StockPage key={symbol} symbol={symbol} />;
  const Found = PAGES[path.value];
  return Found ? <Found /> : <NotFound />;
}

const NotFound = () => (
  <Page heading="Not found">
    <p>There is no page at this address. <Link href="/">Go to all stocks</Link></p>
  </Page>
);
