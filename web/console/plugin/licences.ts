import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';
import type { Licence } from '../src/pages/status/licence.ts';

/** What `src/pages/status/licence-texts.ts` has in the place of the texts. */
const PLACEHOLDER = 'BUNDLED_LICENCES';

/** Packages that publish no file with what their licence requires to show. */
const NOTICES: Record<string, string> = {
  // From its repository: a page must show this, with the link.
  'lightweight-charts':
    'TradingView Lightweight Charts™\nCopyright (c) 2026 TradingView, Inc.',
};

/** Writes the licences of the packages that are in the bundle into the bundle. */
export function licences(): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    renderChunk(code, _chunk, _options, { chunks }) {
      if (!code.includes(PLACEHOLDER)) return null;
      const texts = JSON.stringify(collectLicences(Object.values(chunks).flatMap(({ moduleIds }) => moduleIds)));
      return { code: code.replaceAll(PLACEHOLDER, () => texts), map: null };
    },
  };
}

/** The licences of the packages that modules are of, by name. */
export function collectLicences(modules: readonly string[]): Licence[] {
  const packages = new Set(modules.map(packageOf).filter((it) => it !== null));
  return [...packages].map(read).sort((one, other) => one.name.localeCompare(other.name));
}

/** The directory of the installed package that a module is of; null for a module of this project. */
function packageOf(module: string): string | null {
  const path = module.replace(/^\0/, '').replace(/\?.*$/, '');
  if (!path.includes('/node_modules/')) return null;
  for (let directory = dirname(path); !directory.endsWith('/node_modules'); directory = dirname(directory)) {
    const manifest = join(directory, 'package.json');
    // A package may have further manifests, which have no version.
    if (existsSync(manifest) && 'version' in JSON.parse(readFileSync(manifest, 'utf8'))) return directory;
  }
  return null;
}

interface Manifest {
  name: string;
  version: string;
  license?: string;
  homepage?: string;
  author?: string | { name: string };
}

function read(directory: string): Licence {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
  const { name, version, license = 'unknown', homepage, author } = manifest;
  const files = readdirSync(directory).filter((it) => /^(licen[cs]e|copying|notice)/i.test(it)).sort();
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  const holder = typeof author === 'string' ? author : author?.name;
  return {
    name,
    version,
    licence: license,
    link: name === 'lightweight-charts' ? 'https://www.tradingview.com/' : (homepage ?? null),
    notice: NOTICES[name] ?? null,
    text: texts.length > 0 ? texts.join('\n\n') : `${license}, ${holder ?? `the authors of ${name}`}`,
  };
}
