import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface Shell {
  label: string;
  error?: string | null | undefined;
  hint?: ComponentChildren;
}

type FieldProps = Shell & {
  /** Renders the control with these attributes. */
  children(attributes: { id: string; 'aria-invalid'?: true; 'aria-describedby'?: string }): ComponentChildren;
};

/** A label, a control, and the error or the hint that describes it. */
export function Field({ label, error, hint, children }: FieldProps) {
  const id = useId();
  const described = error || hint ? `${id}-text` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        ...(error ? { 'aria-invalid': true as const } : {}),
        ...(described ? { 'aria-describedby': described } : {}),
      })}
      {described && <p id={described} class={error ? 'error' : 'hint'}>{error || hint}</p>}
    </div>
  );
}

interface TextFieldProps extends Shell {
  value: string;
  onInput(value: string): void;
  type?: 'text' | 'password';
  inputMode?: 'decimal';
  placeholder?: string;
  required?: boolean;
}

/** A field for a line of text. */
export function TextField({ label, error, hint, value, onInput, type = 'text', ...input }: TextFieldProps) {
  return (
    <Field label={label} error={error} hint={hint}>
      {(attributes) => (
        <input
          {...(type === 'password' ? { type: 'password' as const } : { type: 'text' as const })}
          autocomplete="off"
          spellcheck={false}
          {...input}
          {...attributes}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
