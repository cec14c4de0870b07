import type { TypedDocumentString } from '../generated/graphql.ts';
import { signal } from '@preact/signals';
import { serverPath } from '../router/base.ts';
import { ApiError } from './error.ts';
import { parse } from './json.ts';

export interface Answer<Result> {
  data: Result;
  extensions: Record<string, unknown>;
}

interface Body {
  data?: unknown;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

/** Whether the newest answer came from memory because the database is unavailable. */
export const databaseAway = signal(false);

/** Sends an operation over HTTP with a token, and returns the data. Throws the first error. */
export async function request<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  token: string | null,
  abort?: AbortSignal,
): Promise<Answer<Result>> {
  let body: Body;
  let status: number;
  try {
    const response = await fetch(serverPath('/graphql'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: document.toString(), variables }),
      credentials: 'omit',
      signal: abort ?? null,
    });
    status = response.status;
    body = parse(await response.text()) as Body;
  } catch (error) {
    if (abort?.aborted) throw error;
    throw new ApiError('The server cannot be reached.', 'NETWORK');
  }
  const [first] = body.errors ?? [];
  if (first) {
    throw new ApiError(first.message, String(first.extensions?.['code'] ?? 'INTERNAL'), first.extensions, status);
  }
  databaseAway.value = body.extensions?.['stale'] === true;
  return { data: body.data as Result, extensions: body.extensions ?? {} };
}
