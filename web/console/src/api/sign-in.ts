import { signal } from '@preact/signals';
import { isRefused } from './error.ts';
import { request } from './request.ts';
import { accessToken, adminToken, currentToken, type Token } from './token.ts';
import type { TypedDocumentString } from '../generated/graphql.ts';

/** A dialog that asks for a token, and what waits for it. */
export interface TokenRequest {
  kind: 'admin' | 'access';
  /** Whether a token was refused before. */
  refused: boolean;
  /** Tries a token: false if the server refuses it. Throws if the server cannot be reached. */
  enter(value: string, keep: boolean): Promise<boolean>;
  cancel(): void;
}

/** The dialog that is open. */
export const tokenRequest = signal<TokenRequest | null>(null);

type Check = TypedDocumentString<unknown, Record<string, never>>;
/** The cheapest query that requires the token. */
const CHECKS = {
  admin: '{ webhooks { __typename } }' as unknown as Check,
  access: '{ __typename }' as unknown as Check,
};

const open = new Map<TokenRequest['kind'], Promise<boolean>>();

/** Resolves to true with an admin token, after asking for one if there is none, and to false if the user cancels. */
export function askAdminToken(refused = false): Promise<boolean> {
  if (adminToken.value.value !== null) return Promise.resolve(true);
  return ask('admin', adminToken, refused);
}

/** Waits for another access token than the one that was refused. */
export async function askAccessToken(refused: string | null): Promise<void> {
  if (currentToken() !== refused) return;
  accessToken.clear();
  await ask('access', accessToken, refused !== null);
}

function ask(kind: TokenRequest['kind'], token: Token, refused: boolean): Promise<boolean> {
  const asked = open.get(kind) ?? show(kind, token, refused);
  open.set(kind, asked);
  return asked;
}

async function show(kind: TokenRequest['kind'], token: Token, refused: boolean): Promise<boolean> {
  const before = tokenRequest.peek();
  try {
    return await new Promise<boolean>((resolve) => {
      tokenRequest.value = {
        kind,
        refused,
        async enter(value, keep) {
          if (!(await isAccepted(CHECKS[kind], value))) return false;
          token.set(value, keep);
          resolve(true);
          return true;
        },
        cancel: () => resolve(false),
      };
    });
  } finally {
    open.delete(kind);
    tokenRequest.value = before;
  }
}

async function isAccepted(check: Check, value: string): Promise<boolean> {
  try {
    await request(check, {}, value);
    return true;
  } catch (error) {
    if (isRefused(error)) return false;
    throw error;
  }
}
