/**
 * - `connecting`: the first connection is not made yet
 * - `live`: the server answers
 * - `reconnecting`: the connection was lost less than `offlineAfter` ago
 * - `offline`: there has been no connection for longer
 * - `refused`: the server rejects the token, or the protocol; it is not tried again until `reconnect()`
 */
export type ConnectionStatus = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'refused';

export interface ConnectionState {
  status: ConnectionStatus;
  /** When the connection was made or lost: not when `reconnecting` became `offline`. */
  since: Date;
}

/** The state of a connection, and who is called when it changes. */
export class State {
  current: ConnectionState = { status: 'connecting', since: new Date() };
  #listeners = new Set<(state: ConnectionState) => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #offlineAfter: number;

  constructor(offlineAfter: number) {
    this.#offlineAfter = offlineAfter;
    this.#expectConnection();
  }

  listen(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.current);
    return () => this.#listeners.delete(listener);
  }

  live(): void {
    clearTimeout(this.#timer);
    if (this.current.status !== 'live') this.#set({ status: 'live', since: new Date() });
  }

  lost(): void {
    if (this.current.status !== 'live') return;
    this.#set({ status: 'reconnecting', since: new Date() });
    this.#expectConnection();
  }

  refused(): void {
    clearTimeout(this.#timer);
    this.#set({ status: 'refused', since: new Date() });
  }

  /** After `reconnect()`. */
  again(): void {
    if (this.current.status === 'live') this.lost();
    else if (this.current.status === 'refused') {
      this.#set({ status: 'connecting', since: new Date() });
      this.#expectConnection();
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  #expectConnection(): void {
    clearTimeout(this.#timer);
    const { since } = this.current;
    this.#timer = setTimeout(() => this.#set({ status: 'offline', since }), this.#offlineAfter);
  }

  #set(state: ConnectionState): void {
    this.current = state;
    for (const listener of this.#listeners) listener(state);
  }
}
