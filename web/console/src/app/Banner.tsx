import { connectionState } from '../api/index.ts';
import { formatTime } from '../format/time.ts';
import { unseenAlerts } from '../pages/alerts/unseen.ts';
import { notices } from '../pages/status/notices.ts';
import { hasGraphiQL, serverPath } from '../router/base.ts';
import { Link } from '../router/Link.tsx';
import { path } from '../router/router.ts';
import { PAGES } from './pages.ts';
import { SignInButton } from './SignInDialog.tsx';
import { ThemeButton } from './theme.tsx';

/** The top of every page: navigation, the state of the connection, and notices. */
export const Banner = () => (
  <header class="banner" ref={measure}>
    <div class="bar-row">
      <span class="brand" aria-hidden="true">Stock Tracker</span>
      <nav aria-label="Main">
        <ul>
          {PAGES.map(({ name, href }) => <li key={href}><NavigationLink name={name} href={href} /></li>)}
          {hasGraphiQL && <li><a href={serverPath('/graphiql')}>GraphiQL</a></li>}
        </ul>
      </nav>
      <div class="tools">
        <ConnectionStatus />
        <ThemeButton />
        <SignInButton />
      </div>
    </div>
    {notices.value.length > 0 && (
      <div class="notice" role="note" aria-label="Notice">
        {notices.value.map((text) => <p key={text}>{text}</p>)}
      </div>
    )}
  </header>
);

/** The part of the window that the banner may cover while the page scrolls. */
const MAX_COVERED = 0.25;

/** Headers of tables stick below the banner, whose height changes with its notices. A tall one scrolls away. */
function measure(banner: HTMLElement | null): (() => void) | undefined {
  if (!banner) return undefined;
  const observer = new ResizeObserver(() => {
    const isTall = banner.offsetHeight > innerHeight * MAX_COVERED;
    banner.classList.toggle('is-tall', isTall);
    document.documentElement.style.setProperty('--banner-height', `${isTall ? 0 : banner.offsetHeight}px`);
  });
  observer.observe(banner);
  return () => observer.disconnect();
}

function NavigationLink({ name, href }: { name: string; href: string }) {
  const count = href === '/alerts' ? unseenAlerts.value : 0;
  const here = path.value === href || (href === '/' && path.value.startsWith('/stocks/'));
  return (
    <Link
      href={href}
      {...(path.value === href && { 'aria-current': 'page' as const })}
      {...(count > 0 && { 'aria-label': `${name}, ${count} new`, 'data-badge': count > 99 ? '99+' : count })}
      class={here ? 'is-here' : ''}
    >
      {name}
    </Link>
  );
}

function ConnectionStatus() {
  const { status, since } = connectionState.value;
  const text = {
    connecting: 'Connecting…',
    live: 'Live',
    reconnecting: 'Reconnecting…',
    offline: `Offline since ${formatTime(since)}`,
    refused: 'Signed out',
  }[status];
  return (
    <div
      class={`connection is-${status}`}
      role="status"
      aria-label="Connection"
      title={`${text === 'Live' ? 'Live since' : 'Since'} ${formatTime(since)}`}
    >
      {text}
    </div>
  );
}
