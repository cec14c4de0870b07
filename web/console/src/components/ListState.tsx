// What a list shows instead of rows: loading, empty, failed, refused.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { askAdminToken, isRefused, messageOf } from '../api/index.ts';

/** Grey bars, which appear after 200 ms. */
export function Loading({ rows = 6 }: { rows?: number }) {
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading" aria-busy="true">
      <span class="visually-hidden">Loading</span>
      {shown && Array.from({ length: rows }, (_, at) => <div key={at} class="bar" />)}
    </div>
  );
}

/** Why a list is empty, and what to do. */
export const Empty = ({ children }: { children: ComponentChildren }) => <div class="empty">{children}</div>;

/** What failed, with a button; or a button to sign in, if that is what is missing. */
export function Failed({ what, error, retry }: { what: string; error: unknown; retry(): void }) {
  if (isRefused(error)) {
    return (
      <div class="failed">
        <p>{what} require the admin token.</p>
        <button type="button" onClick={async () => (await askAdminToken()) && retry()}>Sign in to see them</button>
      </div>
    );
  }
  return (
    <div class="failed" role="alert">
      <p>{what} could not be loaded: {messageOf(error)}</p>
      <button type="button" onClick={retry}>Retry</button>
    </div>
  );
}
