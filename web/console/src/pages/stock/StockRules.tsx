import { DataTable } from '../../components/DataTable.tsx';
import { ListFrame } from '../../components/ListFrame.tsx';
import { columnsOf } from '../rules/RulesPage.tsx';
import type { Rules } from '../rules/useRules.ts';

const HIDDEN = new Set(['Symbol']);

/** The rules that apply to one stock, with those for all stocks. */
export function StockRules({ symbol, list }: { symbol: string; list: Rules }) {
  return (
    <section class="panel stock-rules" aria-labelledby="rules-title">
      <h2 id="rules-title">Rules</h2>
      <ListFrame what="Rules" hasData={list.rules !== null} error={list.error} retry={list.reload}>
        <DataTable
          name={`Rules of ${symbol}`}
          columns={columnsOf(list).filter(({ name }) => !HIDDEN.has(name))}
          rows={list.rules ?? []}
          keyOf={({ id }) => id}
        />
      </ListFrame>
    </section>
  );
}
