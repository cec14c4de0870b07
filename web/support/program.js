// Runs the real `api` for a test file: with a new database, free ports and the bundled prices at high speed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const target = resolve(repository, process.env.CARGO_TARGET_DIR ?? 'target');
const program = join(target, 'debug', 'api');

/** The time that a test takes at most. A state that is not reached by then fails it. */
export const limit = { timeout: 30_000 };

/** Starts the program. Returns its addresses, its admin token, and functions to stop and restart it. */
export async function start(variables = {}) {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: run \`cargo build -p api\` first`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'stock-tracker-web-'));
  let running = await run(folder, variables);
  /** Ends it as a service manager would. */
  const end = async () => {
    running.child.kill('SIGTERM');
    const [code] = await running.exited;
    return code;
  };
  const api = {
    ...running.found,
    /** Ends it, removes its files, and returns its exit code. */
    async stop() {
      const code = await end();
      await rm(folder, { recursive: true });
      return code;
    },
    /** Ends it, keeps its database, and returns its exit code. */
    end,
    /** Ends it, starts another one with the same database and address, and returns the exit code of the first. */
    async restart() {
      const code = await end();
      await api.startAgain();
      return code;
    },
    /** Ends it as a power failure would. */
    async kill() {
      running.child.kill('SIGKILL');
      await running.exited;
    },
    /** Starts another one with the same database and address, and with changed settings. */
    async startAgain(changed = {}) {
      const { port } = new URL(api.graphql);
      running = await run(folder, { ...variables, ...changed, API_PORT: port });
      Object.assign(api, running.found);
    },
  };
  return api;
}

/** Runs the program in a folder, and waits until it has logged its addresses. */
async function run(folder, variables) {
  const child = spawn(program, {
    // Without the .env file and the settings of the caller.
    cwd: folder,
    env: {
      API_PORT: '0',
      METRICS_PORT: '0',
      REPLAY_SPEED: '10',
      ALERT_THRESHOLD: '2',
      SHUTDOWN_GRACE: '4s',
      LOG_FORMAT: 'json',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = [];
  const logged = {};
  await new Promise((started, fail) => {
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      const event = JSON.parse(line);
      logged.token ??= event.admin_token;
      const [, name, url] = /^(\w+) +((?:http|ws):\S+)$/.exec(event.message) ?? [];
      if (name) logged[name.toLowerCase()] = url;
      if (logged.metrics) started();
    });
    exited.then(([code]) => fail(new Error(`api ended with ${code}:\n${lines.join('\n')}`)));
  });
  const { token, graphql, websocket, metrics } = logged;
  const rest = new URL('/api/v1', graphql).href;
  const found = { token, graphql, rest, websocket, metrics };
  return { child, exited, found };
}

/** Calls `check` until it returns a value that is true, and returns that. */
export async function until(check) {
  for (;;) {
    const value = await check();
    if (value) return value;
    await new Promise((later) => setTimeout(later, 50));
  }
}

/** Waits until `read` returns another value than `before`. */
export const changes = (read, before) => until(async () => (await read()) !== before);
