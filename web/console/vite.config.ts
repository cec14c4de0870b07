import { defineConfig } from 'vite';
import { licences } from './plugin/licences.ts';

/** A server for `npm run dev` to send requests to. */
const api = process.env.API_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  // References are relative, because a proxy may serve the console below a path.
  base: './',
  resolve: {
    // The client package is bundled from its sources.
    conditions: ['source', 'module', 'browser', 'development|production'],
  },
  plugins: [licences()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2023',
    manifest: true,
    sourcemap: false,
    // A data: URL would not be allowed for everything by the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // GraphiQL's editor is larger than the default.
    chunkSizeWarningLimit: 3000,
    rolldownOptions: {
      input: ['index.html', 'graphiql.html'],
      onLog(level, log, report) {
        // Libraries of React mark modules for servers that render them.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  // GraphiQL's workers import modules.
  worker: { format: 'es' },
  server: {
    proxy: {
      '/graphql': { target: api, ws: true },
      '/api': { target: api },
    },
  },
});
