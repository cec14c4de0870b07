import { Field, TextField } from '../../components/Field.tsx';
import type { FormError } from '../../components/form-error.ts';
import { type Option, Select } from '../../components/Select.tsx';
import type { RuleField, RuleForm } from './form.ts';
import { bases, describeKind, hasSetting, kinds, priceBases, triggers, windows } from './kinds.ts';
import type { OptionalSetting } from './kinds.ts';
import { useSymbols } from './useSymbols.ts';

interface Props {
  form: RuleForm;
  error: FormError<RuleField> | null;
  change(to: Partial<RuleForm>): void;
  /** The symbol and the kind of a rule cannot be changed later. */
  isNew: boolean;
}

const DURATION_HINT = 'Such as 90s, 5m or 1h';

export function RuleFields({ form, error, change, isNew }: Props) {
  const symbols = useSymbols(form.symbol);
  const kind = describeKind(form.kind);
  const has = (setting: OptionalSetting) => hasSetting(setting, form);
  const errorOf = (field: RuleField) => (error?.field === field ? error.message : null);
  const text = (field: RuleField) => ({
    name: field,
    value: form[field],
    error: errorOf(field),
    onInput: (value: string) => change({ [field]: value }),
  });
  const select = (label: string, field: RuleField, options: readonly Option[], disabled = false) => (
    <Select
      label={label}
      name={field}
      value={form[field]}
      options={options}
      disabled={disabled}
      error={errorOf(field)}
      onChange={(value) => change({ [field]: value })}
    />
  );
  return (
    <>
      <div class="field-row">
        {select('Symbol', 'symbol', [{ value: '', label: 'All stocks' }, ...symbols], !isNew)}
        {select('Kind', 'kind', kinds.map((it) => ({ value: it.kind, label: it.label })), !isNew)}
      </div>
      <div class="field-row">
        <TextField
          label="Threshold"
          inputMode="decimal"
          {...(form.symbol !== '' && isNew && { 'data-autofocus': true })}
          hint={kind.unit}
          {...text('threshold')}
        />
        {select('Trigger', 'trigger', triggers.map((it) => ({ value: it.trigger, label: it.label })))}
      </div>
      <div class="field-row">
        {has('base') && select('Compared with', 'base', bases.map((it) => ({ value: it.base, label: it.label })))}
        {has('window') &&
          select('Window', 'windowSeconds', windows.map((it) => ({ value: String(it.seconds), label: it.label })))}
        {has('basis') && select('Basis', 'basis', priceBases.map((it) => ({ value: it.basis, label: it.label })))}
        {has('hold') && (
          <TextField label="Hold" hint={`True for at least this long. ${DURATION_HINT}`} {...text('hold')} />
        )}
        {has('rearm') && (
          <TextField
            label="Re-arm"
            inputMode="decimal"
            hint="If it fires every time: percent of the threshold to miss it by in between"
            {...text('rearm')}
          />
        )}
        <TextField
          label="Cooldown"
          hint={`Silent for this long after it fired. ${DURATION_HINT}`}
          {...text('cooldown')}
        />
        <Field label="Expires" error={errorOf('expires')}>
          {(attributes) => (
            <input
              {...attributes}
              type="datetime-local"
              name="expires"
              value={form.expires}
              onInput={(event) => change({ expires: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
      <TextField label="Name" {...text('name')} />
      <Field label="Note" error={errorOf('note')}>
        {(attributes) => (
          <textarea
            {...attributes}
            name="note"
            rows={2}
            value={form.note}
            onInput={(event) => change({ note: event.currentTarget.value })}
          />
        )}
      </Field>
    </>
  );
}

