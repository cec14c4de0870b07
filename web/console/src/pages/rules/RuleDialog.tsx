import { useState } from 'preact/hooks';
import { type ApiError, mutate } from '../../api/index.ts';
import { Dialog } from '../../components/Dialog.tsx';
import { formErrorOf, useFormError } from '../../components/form-error.ts';
import { showMessage } from '../../components/message.tsx';
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

/** The form of a rule, with a dry run beside it. */
export function RuleDialog({ rule, initial, onClose }: Props) {
  const [form, setForm] = useState(initial);
  const { form: element, error, setError } = useFormError<RuleField>();
  const [isBusy, setBusy] = useState(false);
  // A field that cannot be read shows that at once, and one that is still empty only when the form is sent.
  const problem = problemOf(form);
  const shownError = error ?? (problem && form[problem.field] !== '' ? problem : null);

  function change(to: Partial<RuleForm>) {
    setForm((before) => ({ ...before, ...to }));
    if (error && (error.field === null || error.field in to)) setError(null);
  }

  async function submit(event: Event) {
    event.preventDefault();
    setError(problem);
    if (problem || isBusy) return;
    setBusy(true);
    try {
      const saved = await save(rule, form);
      if (!saved) return;
      onClose();
      showMessage(`${rule ? 'Saved' : 'Created'}: ${ruleName(saved)}`);
    } catch (failure) {
      setError(formErrorOf(failure, fieldOf));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={rule ? 'Edit rule' : 'Create rule'} class="rule-dialog" onClose={onClose}>
      <form ref={element} class="rule-form" noValidate onSubmit={submit}>
        <div>
          <RuleFields form={form} error={shownError} change={change} isNew={rule === null} />
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

// The only thing of a rule that may be missing is its stock.
const fieldOf = ({ code, field }: ApiError): RuleField | null => (code === 'NOT_FOUND' ? 'symbol' : formField(field));
