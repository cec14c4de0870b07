// Writes NAME.br and NAME.gz beside every file of a directory, for a server that sends them as they are.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const [directory] = process.argv.slice(2);
const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

const entries = await readdir(directory, { recursive: true, withFileTypes: true });
for (const entry of entries.filter((it) => it.isFile() && !/\.(br|gz)$/.test(it.name))) {
  const path = join(entry.parentPath, entry.name);
  const content = await readFile(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  await writeFile(`${path}.br`, await compressBrotli(content, { params }));
  await writeFile(`${path}.gz`, await compressGzip(content, { level: 9 }));
}
