// A proxy may serve the console below a path. Scripts are in `assets/`, directly below the root of the server.
const script = import.meta.url;
const root = new URL(import.meta.env.DEV ? '/' : '..', script);

/** The path of an address of the server, such as `/graphql`, in this browser. */
export const serverPath = (address: string): string => root.pathname + address.slice(1);

/** The address of the console for a path of this browser. */
export const consoleAddress = (path: string): string =>
  path.startsWith(root.pathname) ? path.slice(root.pathname.length - 1) : path;

/** Whether the server has GraphiQL. */
export const hasGraphiQL = document.querySelector<HTMLMetaElement>('meta[name="graphiql"]')?.content === 'on';
