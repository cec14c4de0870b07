// A proxy that serves a program below a path: it removes the path from requests, as nginx does, and forwards the
// rest, including WebSockets.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

/** Starts it in front of the server at `target`, and returns its URL, which ends with the path, and how to stop it. */
export async function below(path, target) {
  const { hostname, port } = new URL(target);
  const strip = (url) => url.startsWith(`${path}/`) && url.slice(path.length);
  const server = createServer((asked, answer) => {
    const url = strip(asked.url);
    if (!url) {
      answer.writeHead(404).end('not below the path');
      return;
    }
    const { method, headers } = asked;
    const passed = request({ hostname, port, path: url, method, headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  server.on('upgrade', (asked, socket, head) => {
    const url = strip(asked.url);
    const upstream = connect(port, hostname, () => {
      const lines = [`${asked.method} ${url} HTTP/1.1`];
      for (let at = 0; at < asked.rawHeaders.length; at += 2) {
        lines.push(`${asked.rawHeaders[at]}: ${asked.rawHeaders[at + 1]}`);
      }
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    for (const side of [socket, upstream]) {
      side.on('error', () => {
        socket.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}${path}/`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
