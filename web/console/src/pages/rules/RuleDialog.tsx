import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, messageOf, mutate } from '../../api/index.ts';
import { Dialog } from '../../components/Dialog.tsx';
import { showMessage } from '../../components/message.tsx';
import { capitalized } from '../../format/text.ts';
import { CreateRuleDocument, type RuleFieldsFragment, UpdateRuleDocument } from '../../generated/graphql.ts';
import { DryRun } from './DryRun.tsx';
import { createInput, formField, problemOf, type RuleField, type RuleForm, updateInput } from './form.ts';
import { ruleName } from './kinds.ts';
import { RuleFields } from './RuleFields.tsx';
import './rules.css';

interface Props {
  /** The rule that is edited, or null for a new one. */
  rule: RuleFieldsFragment | null;
  initial: RuleForm;
  onClose(): void;
}

/** What is wrong, and in which field; `field` is null if it is in none. */
export interface FormError {
  field: RuleField | null;
  message: string;
}

/** The form of a rule, with a dry run beside it. */
export function RuleDialog({ rule, initial, onClose }: Props) {
  const [form, setForm] = useState(initial);
  const [error, setError] = useState<FormError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);

  function change(to: Partial<RuleForm>) {
    setForm((before) => ({ ...before, ...to }));
    if (error && (error.field === null || error.field in to)) setError(null);
  }

  useEffect(() => {
    if (error?.field) element.current?.querySelector<HTMLElement>(`[name="${error.field}"]`)?.focus();
  }, [error]);

  async function submit(event: Event) {
    event.preventDefault();
    const problem = problemOf(form);
    setError(problem);
    if (problem || isBusy) return;
    setBusy(true);
    try {
      const saved = await save(rule, form);
      if (!saved) return;
      onClose();
      showMessage(`${rule ? 'Saved' : 'Created'}: ${ruleName(saved)}`);
    } catch (failure) {
      setError(formError(failure));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={rule ? 'Edit rule' : 'Create rule'} class="rule-dialog" onClose={onClose}>
      <form ref={element} class="rule-form" noValidate onSubmit={submit}>
        <div>
          <RuleFields form={form} error={error} change={change} isNew={rule === null} />
          {error && error.field === null && <p class="error" role="alert">{error.message}</p>}
        </div>
        <DryRun form={form} />
        <div class="actions">
          <button type="submit" class="primary" aria-busy={isBusy}>{rule ? 'Save' : 'Create rule'}</button>
          <button type="button" onClick={onClose}>Cancel</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Null if the user did not sign in. */
async function save(rule: RuleFieldsFragment | null, form: RuleForm): Promise<RuleFieldsFragment | null> {
  if (rule) {
    const updated = await mutate(UpdateRuleDocument, { input: updateInput(rule, form) });
    return updated && updated.updateAlertRule.alertRule;
  }
  const created = await mutate(CreateRuleDocument, { input: createInput(form) });
  return created && created.createAlertRule.alertRule;
}

function formError(error: unknown): FormError {
  const message = capitalized(messageOf(error));
  if (!(error instanceof ApiError)) return { field: null, message };
  // The only thing of a rule that may be missing is its stock.
  return { field: error.code === 'NOT_FOUND' ? 'symbol' : formField(error.field), message };
}
