// A folder for one test, which is removed at its end. Programs in it find the modules that are installed here.
import { mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));

/** Creates the folder and returns its path. */
export async function scratch(t) {
  const folder = await mkdtemp(`${home}.scratch-`);
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
