import { openDialog } from '../../components/Dialog.tsx';
import { emptyForm, formOfRule } from './form.ts';
import { RuleDialog } from './RuleDialog.tsx';
import type { RuleFieldsFragment } from '../../generated/graphql.ts';

interface Prefilled {
  symbol?: string | null;
  /** The threshold to begin with, such as the price that the pointer is at. */
  price?: string | null;
}

/** Opens the dialog that creates a rule. */
export function openCreateRule({ symbol, price }: Prefilled = {}): void {
  const form = emptyForm(symbol ?? '', price ?? '');
  openDialog((close) => <RuleDialog rule={null} initial={form} onClose={close} />);
}

/** Opens the dialog that edits a rule. `threshold` replaces the one that it has, for a line that was dragged. */
export function openEditRule(rule: RuleFieldsFragment, threshold?: string): void {
  const form = { ...formOfRule(rule), ...(threshold && { threshold }) };
  openDialog((close) => <RuleDialog rule={rule} initial={form} onClose={close} />);
}
