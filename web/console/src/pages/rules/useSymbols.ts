import { useEffect, useState } from 'preact/hooks';
import { query } from '../../api/index.ts';
import type { Option } from '../../components/Select.tsx';
import { RuleSymbolsDocument, type RuleSymbolsQuery } from '../../generated/graphql.ts';

/** The tracked stocks for a field, and one that may be known but not tracked. */
export function useSymbols(chosen: string): readonly Option[] {
  const [tracked, setTracked] = useState<readonly Option[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    load(setTracked, abort.signal).catch(() => {
      // Offline: the field still has what was chosen.
    });
    return () => abort.abort();
  }, []);
  if (chosen === '' || tracked.some(({ value }) => value === chosen)) return tracked;
  return [{ value: chosen, label: chosen }, ...tracked];
}

async function load(set: (options: readonly Option[]) => void, abort: AbortSignal): Promise<void> {
  const options: Option[] = [];
  let after: string | null = null;
  do {
    const { stocks }: RuleSymbolsQuery = await query(RuleSymbolsDocument, { after }, abort);
    for (const { symbol, name } of stocks.nodes) {
      options.push({ value: symbol, label: name ? `${symbol} – ${name}` : symbol });
    }
    after = stocks.pageInfo.hasNextPage ? (stocks.pageInfo.endCursor ?? null) : null;
  } while (after !== null);
  set(options);
}
