// The archive of a release, and the text of its page.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { scratch } from '../support/scratch.js';

const run = promisify(execFile);
const script = (name) => fileURLToPath(new URL(`../../script/${name}`, import.meta.url));

/** Writes programs that only print their version. */
async function programs(folder, versions) {
  await mkdir(folder);
  for (const [name, version] of Object.entries(versions)) {
    await writeFile(join(folder, name), `#!/bin/sh\necho "${name} ${version}"\n`, { mode: 0o755 });
  }
}

test('an archive unpacks below a prefix, and is the same when it is packed again', async (t) => {
  const folder = await scratch(t);
  await programs(join(folder, 'programs'), { api: '1.2.3', tracker: '1.2.3' });
  const archives = [];
  for (const name of ['first', 'second']) {
    const { stdout } = await run(script('package'), [join(folder, 'programs'), join(folder, name)]);
    archives.push(stdout.trim());
  }
  const [first, second] = archives;
  assert.match(first, /\/stock-tracker-1\.2\.3-\w+-linux\.tar\.gz$/);
  assert.deepEqual(await readFile(first), await readFile(second));
  await run('sha256sum', ['--check', `${first}.sha256`], { cwd: join(folder, 'first') });

  const prefix = join(folder, 'prefix');
  await mkdir(prefix);
  await run('tar', ['--extract', '--gzip', '--strip-components=1', '--directory', prefix, '--file', first]);
  for (const name of ['api', 'tracker']) {
    const { stdout } = await run(join(prefix, 'bin', name), ['--version']);
    assert.equal(stdout, `${name} 1.2.3\n`);
    for (const path of [
      `share/man/man1/${name}.1`,
      `share/bash-completion/completions/${name}`,
      `share/zsh/site-functions/_${name}`,
      `share/fish/vendor_completions.d/${name}.fish`,
      `lib/systemd/system/stock-tracker-${name}.service`,
    ]) {
      assert.match(await readFile(join(prefix, path), 'utf8'), new RegExp(name));
    }
  }
  await readFile(join(prefix, 'share/doc/stock-tracker/LICENSE'));
});

test('programs of different versions are not packed together', async (t) => {
  const folder = await scratch(t);
  await programs(join(folder, 'programs'), { api: '1.2.3', tracker: '1.2.2' });
  const packed = run(script('package'), [join(folder, 'programs'), folder]);
  await assert.rejects(packed, /different versions/);
});

test('the changelog has a section for the version in Cargo.toml', async () => {
  const manifest = await readFile(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  const [, version] = /\[workspace\.package\]\nversion = "(.*)"/.exec(manifest);
  const { stdout } = await run(script('release-notes'), [version]);
  assert.match(stdout, /^### /m);
  assert.doesNotMatch(stdout, /^## /m);
  await assert.rejects(run(script('release-notes'), ['9.9.9']), /is .*, not 9\.9\.9/);
});
