import { signal, type Signal } from '@preact/signals';

/** A token in memory, and in `sessionStorage` while the user wants that. It is stored nowhere else. */
export class Token {
  readonly value: Signal<string | null>;
  #key: string;

  constructor(key: string) {
    this.#key = key;
    this.value = signal(sessionStorage.getItem(key));
  }

  set(value: string, keep: boolean): void {
    if (keep) sessionStorage.setItem(this.#key, value);
    else sessionStorage.removeItem(this.#key);
    this.value.value = value;
  }

  clear(): void {
    sessionStorage.removeItem(this.#key);
    this.value.value = null;
  }
}

/** The token that mutations require. */
export const adminToken = new Token('stock-tracker.admin-token');

/** The token that a server with READ_TOKEN requires to read. */
export const accessToken = new Token('stock-tracker.access-token');

/** The token to send: the admin token is accepted for everything. */
export const currentToken = (): string | null => adminToken.value.value ?? accessToken.value.value;
