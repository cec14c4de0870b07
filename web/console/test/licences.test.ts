import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { collectLicences } from '../plugin/licences.ts';

const { resolve } = createRequire(import.meta.url);

test('the packages of the bundle are listed once, with what their licences require', () => {
  const found = collectLicences([
    '/project/src/main.tsx',
    '\0vite/preload-helper.js',
    `${resolve('lightweight-charts/package.json').replace('package.json', 'dist/lightweight-charts.production.mjs')}`,
    resolve('preact/hooks'),
    `${resolve('preact')}?used`,
  ]);
  assert.deepEqual(found.map(({ name, licence }) => `${name} ${licence}`), ['lightweight-charts Apache-2.0', 'preact MIT']);
  const [charts, preact] = found;
  assert.match(charts?.text ?? '', /Apache License\s+Version 2\.0/);
  assert.match(charts?.notice ?? '', /TradingView Lightweight Charts/);
  assert.equal(charts?.link, 'https://www.tradingview.com/');
  assert.match(preact?.text ?? '', /Jason Miller/);
});
