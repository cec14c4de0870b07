// Serves the page, and graphql-ws from where npm installed it.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const { API = 'http://localhost:8080', PORT = '3001' } = process.env;
const types = { html: 'text/html', js: 'text/javascript' };
const modules = '/node_modules/graphql-ws/';
const installed = new URL('.', import.meta.resolve('graphql-ws/client'));

/** The file for a path, or undefined. Paths are lists of known names, so that none leads elsewhere. */
function file(path) {
  if (path === '/') return new URL('index.html', import.meta.url);
  if (path === '/page.js') return new URL('page.js', import.meta.url);
  const name = path.startsWith(modules) && path.slice(modules.length);
  return /^[\w-]+\.js$/.test(name) ? new URL(name, installed) : undefined;
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/api') {
    const url = new URL('/graphql', API.replace(/^http/, 'ws')).href;
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ url }));
    return;
  }
  const found = file(pathname);
  try {
    const body = await readFile(fileURLToPath(found));
    response.setHeader('Content-Type', types[found.pathname.split('.').at(-1)]).end(body);
  } catch {
    response.writeHead(404).end('not found');
  }
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${server.address().port}/`));
