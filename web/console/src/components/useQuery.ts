import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { TypedDocumentString } from '../generated/graphql.ts';
import { query } from '../api/index.ts';

export interface QueryState<Result> {
  /** The newest data. It stays until the next data is received. */
  data: Result | null;
  /** Why the newest query failed. */
  error: unknown;
  /** When the data was received, in milliseconds; 0 before. */
  loadedAt: number;
  reload(): void;
}

/** Queries when the component appears, and again when the variables or the token that the query requires change. */
export function useQuery<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  token: string | null = null,
): QueryState<Result> {
  const [state, setState] = useState<Omit<QueryState<Result>, 'reload'>>({ data: null, error: null, loadedAt: 0 });
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
  }, [document, key, token]);
  useEffect(() => {
    load();
    return () => running.current?.abort();
  }, [load]);
  return { ...state, reload: load };
}
