import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { TypedDocumentString } from '../generated/graphql.ts';
import { query } from '../api/index.ts';

export interface QueryState<Result> {
  /** The newest data. It stays while the next answer is awaited, and when that fails. */
  data: Result | null;
  /** Why the newest query failed. */
  error: unknown;
  /** When the data was received, in milliseconds; 0 before. */
  loadedAt: number;
  reload(): void;
}

const NOTHING = { data: null, error: null, loadedAt: 0 };

/** Queries when the component appears, and again when the variables change. */
export function useQuery<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): QueryState<Result> {
  const [state, setState] = useState<Omit<QueryState<Result>, 'reload'>>(NOTHING);
  const running = useRef<AbortController | null>(null);
  const key = JSON.stringify(variables);
  const load = useCallback(() => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    query(document, variables, abort.signal).then(
      (data) => abort.signal.aborted || setState({ data, error: null, loadedAt: Date.now() }),
      (error: unknown) => abort.signal.aborted || setState((before) => ({ ...before, error })),
    );
  }, [document, key]);
  useEffect(() => {
    setState(NOTHING);
    load();
    return () => running.current?.abort();
  }, [load]);
  return { ...state, reload: load };
}
