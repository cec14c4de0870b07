// GraphQL Code Generator: types for real operations over schema.graphql, which TypeScript accepts when they are used
// correctly and rejects otherwise.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { generate } from '@graphql-codegen/cli';
import ts from 'typescript';
import { limit } from '../support/program.js';
import { scratch } from '../support/scratch.js';

const schema = fileURLToPath(new URL('../../schema.graphql', import.meta.url));
const operations = fileURLToPath(new URL('../operation/*.graphql', import.meta.url));

/** The types of docs/scalars.md: exact numbers are text. */
const scalars = {
  Cursor: 'string',
  Date: 'string',
  DateTime: 'string',
  Decimal: 'string',
  Int64: 'number',
  Symbol: 'string',
};

/** Generates types for operations into a folder. */
const generateTypes = (folder, options = {}) => generate({
  schema,
  documents: operations,
  silent: true,
  errorsOnly: true,
  generates: {
    [`${folder}/`]: {
      preset: 'client',
      config: { scalars, strictScalars: true, useTypeImports: true },
    },
  },
  ...options,
}, true);

/** The first error of each program that uses them, or null, with the strictest settings of TypeScript. */
async function firstErrors(folder, texts) {
  const files = texts.map((_, at) => join(folder, `use${at}.ts`));
  for (const [at, file] of files.entries()) await writeFile(file, texts[at]);
  const program = ts.createProgram(files, {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
  });
  const diagnostics = ts.getPreEmitDiagnostics(program);
  // The generated files have no error.
  assert.deepEqual(diagnostics.filter(({ file }) => !files.includes(file?.fileName)).map(({ messageText }) => messageText), []);
  return files.map((file) => {
    const [first] = diagnostics.filter((it) => it.file?.fileName === file);
    return first ? ts.flattenDiagnosticMessageText(first.messageText, '\n') : null;
  });
}

const USE = `
import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';
import { AlertsDocument, AnythingDocument, BoardDocument, ChartDocument, PricesDocument, TrackDocument } from './graphql';
import { useFragment } from './fragment-masking';
import { RowFragmentDoc } from './graphql';

export function board(data: ResultOf<typeof BoardDocument>): string[] {
  return data.stocks.edges.map(({ node }) => {
    const row = useFragment(RowFragmentDoc, node);
    const volume: number = row.latestPrice?.volume ?? 0;
    return row.symbol + ': ' + (row.latestPrice?.price ?? '–') + volume.toFixed(0);
  });
}
export function chart(data: ResultOf<typeof ChartDocument>): string[] {
  return data.history.nodes.map((it) => it.tradingDay + it.price);
}
export function name(data: ResultOf<typeof AnythingDocument>): string {
  const { node } = data;
  if (node?.__typename === 'Alert') return node.message + node.kind;
  return node?.__typename === 'Stock' ? node.symbol : '';
}
export const variables: VariablesOf<typeof PricesDocument> = { symbols: ['IBM'], after: null, mode: 'LATEST' };
export const input: VariablesOf<typeof TrackDocument> = { input: { symbol: 'IBM' } };
export const message = (data: ResultOf<typeof AlertsDocument>): string => data.alerts.stock.symbol + data.alerts.message;
`;

test('what is generated compiles, and wrong uses of it do not', { timeout: 60_000 }, async (t) => {
  const folder = await scratch(t);
  await generateTypes(folder);
  const wrong = [
    ['data.alerts.message', 'data.alerts.colour', /'colour' does not exist/],
    ['row.latestPrice?.price', 'row.latestPrice.price', /possibly 'null'/],
    ["mode: 'LATEST'", "mode: 'SOME'", /'"SOME"' is not assignable/],
    ["after: null", "after: 7", /'number' is not assignable/],
  ];
  const texts = wrong.map(([right, instead]) => USE.replace(right, instead));
  const [right, ...errors] = await firstErrors(folder, [USE, ...texts]);
  assert.equal(right, null);
  for (const [at, error] of errors.entries()) assert.match(error ?? 'nothing', wrong[at][2]);
});

test('every scalar is mapped', limit, async (t) => {
  const folder = await scratch(t);
  const text = await readFile(schema, 'utf8');
  const declared = [...text.matchAll(/^scalar (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(scalars).sort());
  // A missing scalar is an error, not `any`.
  const { Cursor: _, ...others } = scalars;
  const config = { scalars: others, strictScalars: true };
  const generates = { [`${folder}/`]: { preset: 'client', config } };
  await assert.rejects(generateTypes(folder, { generates }), /Cursor/);
});

test('an operation with a wrong field is refused', limit, async (t) => {
  const documents = 'query Wrong { stocks { nodes { colour } } }';
  await assert.rejects(generateTypes(await scratch(t), { documents }), /colour/);
});
