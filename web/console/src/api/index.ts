// How pages reach the server: `query`, `mutate`, and `connection` for subscriptions.
import type { TypedDocumentString } from '../generated/graphql.ts';
import { ApiError, isRefused } from './error.ts';
import { request, type Answer } from './request.ts';
import { askAccessToken, askAdminToken } from './sign-in.ts';
import { adminToken, currentToken } from './token.ts';

export { connection, connectionState, onConnected } from './connection.ts';
export { ApiError, isRefused, messageOf } from './error.ts';
export { databaseAway, type Answer } from './request.ts';
export { askAdminToken } from './sign-in.ts';
export { adminToken } from './token.ts';

/**
 * Reads. If the server requires an access token, waits for the user to enter one. A field that requires the admin token
 * is the error `UNAUTHENTICATED` without it: show that, with a button that calls `askAdminToken` and queries again.
 */
export async function query<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  abort?: AbortSignal,
): Promise<Result> {
  return (await queryWithExtensions(document, variables, abort)).data;
}

/** As `query`, with the `extensions` of the answer. */
export async function queryWithExtensions<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  abort?: AbortSignal,
): Promise<Answer<Result>> {
  for (;;) {
    const token = currentToken();
    try {
      return await request(document, variables, token, abort);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      if (token !== null && token === adminToken.value.value) adminToken.clear();
      else await askAccessToken(token);
      abort?.throwIfAborted();
    }
  }
}

/**
 * Changes something. Without the admin token, waits for the user to enter it and continues. Null if the user cancels.
 */
export async function mutate<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result | null> {
  for (let refused = false; ; refused = true) {
    if (!(await askAdminToken(refused))) return null;
    try {
      return (await request(document, variables, adminToken.value.value)).data;
    } catch (error) {
      if (!isRefused(error)) throw error;
      adminToken.clear();
    }
  }
}
