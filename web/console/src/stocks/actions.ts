// What can be done with a stock, with a message about the outcome.
import { messageOf, mutate } from '../api/index.ts';
import { confirm } from '../components/Dialog.tsx';
import { showMessage } from '../components/message.tsx';
import { RefreshDocument, TrackDocument, UntrackDocument } from '../generated/graphql.ts';
import { loadStocks } from './stocks.ts';

/** Tracks a stock. Throws the reason if the server refuses; returns false if the user does not sign in. */
export async function track(symbol: string): Promise<boolean> {
  if (!(await mutate(TrackDocument, { input: { symbol } }))) return false;
  showMessage(`${symbol} is tracked.`);
  await loadStocks();
  return true;
}

export async function untrack(symbol: string): Promise<boolean> {
  const text = `${symbol} gets no more prices. Its history, alerts and rules stay.`;
  if (!(await confirm({ title: `Untrack ${symbol}`, text, action: 'Untrack' }))) return false;
  const done = await report(`${symbol} could not be untracked`, () => mutate(UntrackDocument, { input: { symbol } }));
  if (!done) return false;
  showMessage(`${symbol} is no longer tracked.`);
  await loadStocks();
  return true;
}

export async function refresh(symbol: string): Promise<void> {
  const done = await report(`${symbol} could not be refreshed`, () => mutate(RefreshDocument, { input: { symbol } }));
  if (!done) return;
  const { note, latestPrice } = done.refreshStock.stock;
  showMessage(latestPrice ? `${symbol} was refreshed: ${latestPrice.price}` : `${symbol} has no price. ${note ?? ''}`);
  await loadStocks();
}

/** Shows why something failed; null then. */
async function report<T>(failure: string, act: () => Promise<T | null>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    showMessage(`${failure}: ${messageOf(error)}`, { failed: true });
    return null;
  }
}
