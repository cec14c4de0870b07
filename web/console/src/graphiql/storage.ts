/** What GraphiQL stores with the headers of a request: tabs, history, and favourites of the history. */
const WITH_HEADERS = ['graphiql:tabState', 'graphiql:queries', 'graphiql:favorites'];
const HEADERS = 'graphiql:headers';

/**
 * A storage that never stores request headers, which may contain a token. GraphiQL's history stores them although
 * `shouldPersistHeaders` is false.
 */
export function withoutHeaders(storage: Storage): Pick<Storage, 'clear' | 'getItem' | 'length' | 'removeItem' | 'setItem'> {
  return {
    get length() {
      return storage.length;
    },
    clear: () => storage.clear(),
    getItem: (key) => storage.getItem(key),
    removeItem: (key) => storage.removeItem(key),
    setItem(key, value) {
      if (key === HEADERS) return;
      storage.setItem(key, WITH_HEADERS.includes(key) ? removeHeaders(value) : value);
    },
  };
}

/** Removes the headers from JSON. Variables in it are text, and so stay as they are. */
function removeHeaders(text: string): string {
  return JSON.stringify(JSON.parse(text), (key, value: unknown) => (key === 'headers' ? null : value));
}
