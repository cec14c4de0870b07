import { getOperationAST, parse, type ExecutionResult, type OperationDefinitionNode } from 'graphql';
import { createClient } from 'graphql-ws';

interface Params {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown>;
}

interface Options {
  headers?: Record<string, unknown>;
}

// The page is at /graphiql or /graphql, possibly below a path of a proxy.
const http = new URL('graphql', location.href);
http.search = '';
const socket = new URL(http);
socket.protocol = http.protocol === 'https:' ? 'wss:' : 'ws:';

/** Sends queries and mutations over HTTP, and subscriptions over WebSocket. */
export function fetcher(params: Params, { headers = {} }: Options = {}) {
  const operation = operationOf(params);
  const named = operation?.name ? { ...params, operationName: operation.name.value } : params;
  return operation?.operation === 'subscription' ? subscribe(named, headers) : post(named, headers);
}

/**
 * Returns the operation of the document that is sent. For a moment after a change of tabs, GraphiQL has the name and the
 * parsed document of the other tab.
 */
function operationOf({ query, operationName }: Params): OperationDefinitionNode | null {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document) ?? null;
  } catch {
    // The server reports the error.
    return null;
  }
}

async function post(params: Params, headers: Record<string, unknown>): Promise<ExecutionResult> {
  const response = await fetch(http, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json',
      ...lowerCase(headers),
    },
    body: JSON.stringify(params),
    credentials: 'omit',
  });
  const text = await response.text();
  try {
    return JSON.parse(text) as ExecutionResult;
  } catch {
    throw new Error(`HTTP ${response.status}: ${text.slice(0, 1000)}`);
  }
}

/** Each subscription has its own WebSocket, because its headers are sent when it connects. */
function subscribe({ query, operationName, variables }: Params, headers: Record<string, unknown>) {
  const client = createClient({
    url: socket.href,
    connectionParams: lowerCase(headers),
    // A lost connection ends the subscription visibly. A retry would begin it again, not resume it.
    retryAttempts: 0,
  });
  const payload = { query, operationName: operationName ?? null, variables: variables ?? null };
  const results = client.iterate<Record<string, unknown>>(payload);
  const next = results.next.bind(results);
  results.next = () => next().catch((cause: unknown) => Promise.reject(described(cause)));
  // GraphiQL only shows errors, in the format in which they were received.
  return results as AsyncIterable<ExecutionResult>;
}

/** In `connection_init` the server expects `authorization`; in HTTP the case has no meaning. */
function lowerCase(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** GraphiQL shows an error, or a list of them, but not the event of a closed WebSocket. */
function described(cause: unknown): unknown {
  if (cause instanceof CloseEvent) {
    return new Error(`The connection was closed with ${cause.code}${cause.reason && `: ${cause.reason}`}`);
  }
  return cause instanceof Event ? new Error('The connection failed') : cause;
}
