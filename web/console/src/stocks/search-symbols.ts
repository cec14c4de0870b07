import { ApiError, queryWithExtensions } from '../api/index.ts';
import type { TypedDocumentString } from '../generated/graphql.ts';

export interface SymbolMatch {
  symbol: string;
  name: string | null;
  exchange: string | null;
  currency: string | null;
  tracked: boolean;
}

interface Skipped {
  provider: string;
  reason: string;
}

/** Not a generated document, because a server without this field is also served. */
const SEARCH_SYMBOLS = `query SearchSymbols($query: String!) {
  searchSymbols(query: $query) { symbol name exchange currency tracked }
}` as unknown as TypedDocumentString<{ searchSymbols: SymbolMatch[] }, { query: string }>;

let supported = true;

/** Symbols that match a text, and the providers that were not asked. Nothing if the server cannot search. */
export async function searchSymbols(
  text: string,
  abort: AbortSignal,
): Promise<{ matches: SymbolMatch[]; skipped: Skipped[] }> {
  if (!supported) return { matches: [], skipped: [] };
  try {
    const { data, extensions } = await queryWithExtensions(SEARCH_SYMBOLS, { query: text }, abort);
    const search = extensions['search'] as { skipped?: Skipped[] } | undefined;
    return { matches: data.searchSymbols, skipped: search?.skipped ?? [] };
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'GRAPHQL_VALIDATION_FAILED')) throw error;
    supported = false;
    return { matches: [], skipped: [] };
  }
}
