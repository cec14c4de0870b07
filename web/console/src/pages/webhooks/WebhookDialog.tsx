import { useState } from 'preact/hooks';
import { type ApiError, mutate } from '../../api/index.ts';
import { Dialog } from '../../components/Dialog.tsx';
import { formErrorOf, useFormError } from '../../components/form-error.ts';
import { TextField } from '../../components/Field.tsx';
import { Select } from '../../components/Select.tsx';
import { showMessage } from '../../components/message.tsx';
import {
  CreateWebhookDocument,
  UpdateWebhookDocument,
  type WebhookFieldsFragment,
  type WebhookFormat,
} from '../../generated/graphql.ts';
import { createInput, formats, hasToken, problemOf, updateInput, type WebhookField, type WebhookForm } from './form.ts';
import { RuleChoice } from './RuleChoice.tsx';

interface Props {
  /** The webhook that is edited, or null for a new one. */
  webhook: WebhookFieldsFragment | null;
  initial: WebhookForm;
  /** Called with null if the user cancels. `secret` is that of a new webhook that signs. */
  onDone(saved: { id: string; secret: string | null } | null): void;
}

export function WebhookDialog({ webhook, initial, onDone }: Props) {
  const [form, setForm] = useState(initial);
  const { form: element, error, setError } = useFormError<WebhookField>();
  const [isBusy, setBusy] = useState(false);
  const format = formats.find((it) => it.format === form.format);

  function change(to: Partial<WebhookForm>) {
    setForm((before) => ({ ...before, ...to }));
    setError(null);
  }
  const errorOf = (field: WebhookField) => (error?.field === field ? error.message : null);
  const text = (field: 'url' | 'token' | 'symbols' | 'description') => ({
    name: field,
    value: form[field],
    error: errorOf(field),
    onInput: (value: string) => change({ [field]: value }),
  });

  async function submit(event: Event) {
    event.preventDefault();
    const problem = problemOf(form, webhook === null);
    setError(problem);
    if (problem || isBusy) return;
    setBusy(true);
    try {
      const saved = await save(webhook, form);
      if (!saved) return;
      showMessage(webhook ? 'The webhook was saved' : 'The webhook was created');
      onDone(saved);
    } catch (failure) {
      setError(formErrorOf(failure, fieldOf));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={webhook ? 'Edit webhook' : 'Create webhook'} onClose={() => onDone(null)}>
      <form ref={element} noValidate onSubmit={submit}>
        <Select
          label="Format"
          name="format"
          value={form.format}
          disabled={webhook !== null}
          options={formats.map((it) => ({ value: it.format, label: it.label }))}
          onChange={(value) => change({ format: value as WebhookFormat })}
        />
        <TextField
          label="URL"
          data-autofocus
          placeholder={webhook?.url ?? ''}
          hint={webhook ? 'Leave it empty to keep the address' : `Such as ${format?.example}`}
          {...text('url')}
        />
        {hasToken(form.format) && (
          <TextField
            label="Token"
            type="password"
            hint="Sent as Authorization: Bearer, and never shown again"
            {...text('token')}
          />
        )}
        <TextField label="Symbols" hint="Such as AAPL, BTC/USD. Empty for all stocks" {...text('symbols')} />
        <RuleChoice form={form} change={change} error={errorOf('rules')} />
        <TextField label="Description" {...text('description')} />
        {error && error.field === null && <p class="error" role="alert">{error.message}</p>}
        <div class="actions">
          <button type="submit" class="primary" aria-busy={isBusy}>{webhook ? 'Save' : 'Create webhook'}</button>
          <button type="button" onClick={() => onDone(null)}>Cancel</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Null if the user did not sign in. */
async function save(webhook: WebhookFieldsFragment | null, form: WebhookForm) {
  if (webhook) {
    const updated = await mutate(UpdateWebhookDocument, { input: updateInput(webhook.id, form) });
    return updated && { id: webhook.id, secret: null };
  }
  const created = await mutate(CreateWebhookDocument, { input: createInput(form) });
  if (!created) return null;
  const { secret, webhook: { id, format } } = created.createWebhook;
  return { id, secret: format === 'STANDARD' ? secret : null };
}

const FIELDS: readonly WebhookField[] = ['format', 'url', 'token', 'symbols', 'rules', 'description'];

function fieldOf({ code, field, message }: ApiError): WebhookField | null {
  // A stock that was never tracked; a rule that is missing was just deleted.
  if (code === 'NOT_FOUND') return /never tracked/.test(message) ? 'symbols' : 'rules';
  return FIELDS.find((it) => it === field) ?? null;
}
