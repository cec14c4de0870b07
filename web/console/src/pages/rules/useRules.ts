import { useCallback, useEffect, useState } from 'preact/hooks';
import { connection, onConnected } from '../../api/index.ts';
import { useQuery } from '../../components/useQuery.ts';
import {
  RuleChangesDocument,
  type RuleChangesSubscription,
  type RuleFieldsFragment,
  RulesDocument,
} from '../../generated/graphql.ts';
import { listenToAlerts } from '../alerts/feed.ts';

export interface Rule extends RuleFieldsFragment {
  lastFired: string | null;
  /** The rule of the setting `ALERT_THRESHOLD`, which cannot be edited. */
  isDefault: boolean;
}

export interface Rules {
  /** The default rule first, then the newest ones first. Null until they were loaded. */
  rules: readonly Rule[] | null;
  error: unknown;
  reload(): void;
  /** Shows a change before the server has it. */
  change(id: string, to: Partial<Rule>): void;
  remove(id: string): void;
}

type Change = RuleChangesSubscription['alertRules'];

/** The rules, kept up to date: all of them, or those that apply to one stock. */
export function useRules(symbol: string | null = null): Rules {
  const { data, error, reload } = useQuery(RulesDocument, { symbol });
  const [rules, setRules] = useState<readonly Rule[] | null>(null);

  useEffect(() => {
    if (!data) return;
    const loaded = data.alertRules.map(({ alerts, ...rule }, at) => ({
      ...rule,
      lastFired: alerts.nodes[0]?.triggeredAt ?? null,
      // The API lists it first, and the others by creation.
      isDefault: at === 0,
    }));
    setRules([...loaded.slice(0, 1), ...loaded.slice(1).reverse()]);
  }, [data]);

  const change = useCallback((id: string, to: Partial<Rule>) => {
    setRules((before) => before?.map((rule) => (rule.id === id ? { ...rule, ...to } : rule)) ?? null);
  }, []);
  const remove = useCallback((id: string) => {
    setRules((before) => before?.filter((rule) => rule.id !== id) ?? null);
  }, []);

  useEffect(() => {
    const following = connection.follow<Change>({
      query: RuleChangesDocument.toString(),
      next(changed) {
        const applies = symbol === null || changed.symbol === null || changed.symbol === symbol;
        if (applies) setRules((before) => before && applyChange(before, changed));
      },
    });
    const stopListening = listenToAlerts({
      fired: ({ rule, triggeredAt }) => rule && change(rule.id, { lastFired: triggeredAt }),
      reset: reload,
    });
    // Changes are not sent again after an interruption.
    const stopState = onConnected(reload);
    return () => {
      following.stop();
      stopListening();
      stopState();
    };
  }, [symbol, reload]);

  return { rules, error, reload, change, remove };
}

export function applyChange(before: readonly Rule[], changed: Change): readonly Rule[] {
  const { deleted, alerts, cursor: _, ...fields } = changed;
  if (deleted) return before.filter(({ id }) => id !== fields.id);
  const at = before.findIndex(({ id }) => id === fields.id);
  const lastFired = alerts.nodes[0]?.triggeredAt ?? null;
  if (at < 0) return [...before.slice(0, 1), { ...fields, lastFired, isDefault: false }, ...before.slice(1)];
  return before.with(at, { ...before[at]!, ...fields, lastFired: lastFired ?? before[at]!.lastFired });
}
