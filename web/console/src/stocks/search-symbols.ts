import { queryWithExtensions } from '../api/index.ts';
import { SearchSymbolsDocument, type SearchSymbolsQuery } from '../generated/graphql.ts';
import type { Skipped } from './skipped.ts';

export type SymbolMatch = SearchSymbolsQuery['searchSymbols'][number];

/** Finds symbols by a part of the symbol or of the name. */
export async function searchSymbols(
  query: string,
  abort: AbortSignal,
): Promise<{ matches: SymbolMatch[]; skipped: Skipped[] }> {
  const { data, extensions } = await queryWithExtensions(SearchSymbolsDocument, { query }, abort);
  const search = extensions['search'] as { skipped?: Skipped[] } | undefined;
  return { matches: data.searchSymbols, skipped: search?.skipped ?? [] };
}
