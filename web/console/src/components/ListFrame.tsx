import type { ComponentChildren } from 'preact';
import './data-table.css';
import { connectionState, databaseAway, isRefused, messageOf } from '../api/index.ts';
import { formatAge, formatTime } from '../format/time.ts';
import { Failed, Loading } from './ListState.tsx';
import { now } from './now.ts';

interface Props {
  /** What the list has, in the plural, such as `Rules`. */
  what: string;
  /** Whether there is anything to show, although it may be old. */
  hasData: boolean;
  error: unknown;
  retry(): void;
  /** When the data was received, for a list that is queried periodically. */
  loadedAt?: number;
  children: ComponentChildren;
}

/** A list in any state: loading, failed, refused, offline, stale; otherwise its children. */
export function ListFrame({ what, hasData, error, retry, loadedAt, children }: Props) {
  if (!hasData) return error == null ? <Loading /> : <Failed what={what} error={error} retry={retry} />;
  const { status, since } = connectionState.value;
  const isOffline = status === 'offline' || status === 'reconnecting';
  const asOf = loadedAt ? new Date(Math.min(loadedAt, isOffline ? since.getTime() : loadedAt)) : since;
  return (
    <>
      {isOffline && (
        <p class="list-note">
          As of {formatTime(asOf)}, {formatAge(asOf, now.value)} ago: there is no connection.
        </p>
      )}
      {!isOffline && error != null && (
        <div class="list-note" role="alert">
          <span>{what} {isRefused(error) ? 'require a token' : `could not be loaded: ${messageOf(error)}`}</span>
          <button type="button" onClick={retry}>Retry</button>
        </div>
      )}
      {!isOffline && error == null && databaseAway.value && (
        <p class="list-note">The database is unavailable: this may be out of date.</p>
      )}
      <div class={isOffline || error != null || databaseAway.value ? 'is-old' : ''}>{children}</div>
    </>
  );
}
