import { useEffect } from 'preact/hooks';
import type { Option } from '../../components/Select.tsx';
import { loadStocks, stocks } from '../../stocks/stocks.ts';

/** The tracked stocks for a field, and one that may be known but not tracked. */
export function useSymbols(chosen: string): readonly Option[] {
  useEffect(() => void loadStocks(), []);
  const tracked = [...(stocks.value?.values() ?? [])].map(({ symbol, name }) => {
    const known = name.peek();
    return { value: symbol, label: known ? `${symbol} – ${known}` : symbol };
  });
  if (chosen === '' || stocks.value?.has(chosen)) return tracked;
  return [{ value: chosen, label: chosen }, ...tracked];
}
