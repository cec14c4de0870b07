import { Field } from './Field.tsx';

export interface Option {
  value: string;
  label: string;
}

interface Props {
  label: string;
  name: string;
  value: string;
  options: readonly Option[];
  error?: string | null;
  disabled?: boolean;
  onChange(value: string): void;
}

/** A field with one of some values. */
export const Select = ({ label, name, value, options, error, disabled = false, onChange }: Props) => (
  <Field label={label} error={error}>
    {(attributes) => (
      <select
        {...attributes}
        name={name}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map((it) => (
          <option key={it.value} value={it.value} selected={it.value === value}>{it.label}</option>
        ))}
      </select>
    )}
  </Field>
);
