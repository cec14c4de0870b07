// Runs the programs in `examples` with the packages that are installed here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

/** Copies an example to where its packages are found, and returns the directory. */
export async function copyExample(t, name) {
  const folder = join(await scratch(t), name);
  await cp(join(examples, name), folder, {
    recursive: true,
    filter: (path) => !path.includes('node_modules') && !path.includes('.venv'),
  });
  return folder;
}

/** Starts a program until the test ends. `lines` grows with what it prints. */
export function startProgram(t, command, args, { cwd, env }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  return { lines, child };
}
