// A folder for one test, gone when it ends. It lies where the modules that are installed here are found.
import { mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));

/** Makes the folder and answers its path. */
export async function scratch(t) {
  const folder = await mkdtemp(`${home}.scratch-`);
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
