// A recording of many symbols, which a replay plays at a steady rate.
import { writeFile } from 'node:fs/promises';

export const symbolOf = (at) => `SIM${String(at + 1).padStart(4, '0')}`;

/**
 * Writes a recording in which each day has prices of `perDay` of the symbols, one group after another; the first day
 * has all of them. At `days` days a second, that is `days * perDay` prices a second.
 */
export async function writeRecording(path, { symbols, perDay, days }) {
  const lines = ['Ticker,Date,Open,High,Low,Close,Volume,Adj Close'];
  const prices = Array.from({ length: symbols }, (_, at) => 50 + at / 10);
  const start = Date.UTC(2004, 0, 5);
  for (let day = 0, written = 0; written < days; day += 1) {
    const date = new Date(start + day * 86_400_000);
    // Quotes of a weekend would have no session.
    if (date.getUTCDay() % 6 === 0) continue;
    const first = written === 0 ? 0 : ((written - 1) * perDay) % symbols;
    const count = written === 0 ? symbols : perDay;
    for (let at = first; at < first + count; at += 1) {
      // Up and down by turns, so that each price is another one and no alert fires.
      prices[at] += (written + at) % 2 ? 0.25 : -0.25;
      const price = prices[at].toFixed(2);
      lines.push([symbolOf(at), date.toISOString().slice(0, 10), price, price, price, price, 1000 + written, price].join(','));
    }
    written += 1;
  }
  await writeFile(path, `${lines.join('\n')}\n`);
}
