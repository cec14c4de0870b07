// Writes the variants of the page, which refer to the same files:
// - stock.html for addresses one level deeper, /stocks/SYMBOL, because references are relative;
// - …-without-graphiql.html for servers without GraphiQL.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);

/** Replaces every occurrence of a text that must occur. */
function replace(page, text, by) {
  if (!page.includes(text)) throw new Error(`index.html has no ${text}`);
  return page.replaceAll(text, by);
}

const page = await readFile(join(directory, 'index.html'), 'utf8');
const pages = { index: page, stock: replace(page, '="./', '="../') };
for (const [name, content] of Object.entries(pages)) {
  await writeFile(join(directory, `${name}.html`), content);
  const without = replace(content, '<meta name="graphiql" content="on"', '<meta name="graphiql" content="off"');
  await writeFile(join(directory, `${name}-without-graphiql.html`), without);
}
