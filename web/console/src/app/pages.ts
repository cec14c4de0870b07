interface PageEntry {
  name: string;
  href: string;
  /** The key that goes there after `g`. */
  key: string;
}

/** The pages of the navigation, in its order. */
export const PAGES: readonly PageEntry[] = [
  { name: 'Stocks', href: '/', key: 's' },
  { name: 'Alerts', href: '/alerts', key: 'a' },
  { name: 'Rules', href: '/rules', key: 'r' },
  { name: 'Webhooks', href: '/webhooks', key: 'w' },
  { name: 'Status', href: '/status', key: 't' },
];
