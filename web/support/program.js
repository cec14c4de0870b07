// Runs the real `api` for a test file: on a database and on ports of its own, with the bundled prices, quickly.
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

/** What a test may take at most; a state that is not reached by then fails it. */
export const limit = { timeout: 30_000 };

/** Starts the program and answers its addresses, its admin token, and how to stop it and to start it anew. */
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
    /** Ends it, removes what it kept, and answers its exit code. */
    async stop() {
      const code = await end();
      await rm(folder, { recursive: true });
      return code;
    },
    /** Ends it, and keeps its database; answers its exit code. */
    end,
    /** Ends it and starts another one with the same database and address; answers the exit code of the first. */
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

/** Runs the program in a folder until it has told its addresses. */
async function run(folder, variables) {
  const child = spawn(program, {
    // Nothing of the caller's: no .env, no setting.
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
  const said = [];
  const told = {};
  await new Promise((found_all, fail) => {
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      const event = JSON.parse(line);
      told.token ??= event.admin_token;
      const [, name, url] = /^(\w+) +((?:http|ws):\S+)$/.exec(event.message) ?? [];
      if (name) told[name.toLowerCase()] = url;
      if (told.metrics) found_all();
    });
    exited.then(([code]) => fail(new Error(`api ended with ${code}:\n${said.join('\n')}`)));
  });
  const { token, graphql, websocket, metrics } = told;
  const rest = new URL('/api/v1', graphql).href;
  const found = { token, graphql, rest, websocket, metrics };
  return { child, exited, found };
}

/** Asks again until `look` answers something. */
export async function until(look) {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((later) => setTimeout(later, 50));
  }
}
