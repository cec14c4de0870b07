/** @jsxImportSource react */
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import { EXAMPLES } from './examples.ts';
import { fetcher } from './fetcher.ts';
import { withoutHeaders } from './storage.ts';

createRoot(document.getElementById('graphiql')!).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={EXAMPLES}
    defaultEditorToolsVisibility="variables"
    isHeadersEditorEnabled
    shouldPersistHeaders={false}
    storage={withoutHeaders(localStorage)}
  >
    <GraphiQL.Logo><h1>Stock Tracker</h1></GraphiQL.Logo>
  </GraphiQL>,
);
