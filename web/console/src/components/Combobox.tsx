import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Option {
  id: string;
  /** What is chosen. */
  label: string;
  /** What describes it, beside the label. */
  detail?: string;
}

interface Props<T extends Option> {
  label: string;
  value: string;
  onInput(value: string): void;
  options: readonly T[];
  onChoose(option: T): void;
  /** Whether the first option is chosen by Enter, without pressing an arrow key before. */
  choosesFirst?: boolean;
  placeholder?: string;
  error?: string | null;
  hint?: ComponentChildren;
}

/** A field for text with a list of options below it. */
export function Combobox<T extends Option>(props: Props<T>) {
  const { label, value, onInput, options, onChoose, choosesFirst = false, placeholder, error, hint } = props;
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [active, setActive] = useState(choosesFirst ? 0 : -1);
  const at = Math.min(active, options.length - 1);
  // Before the browser handles the next key, which may be an arrow.
  useLayoutEffect(() => setActive(choosesFirst ? 0 : -1), [value]);
  useEffect(() => list.current?.children[at]?.scrollIntoView({ block: 'nearest' }), [at]);
  useLayoutEffect(() => {
    if (error) input.current?.focus();
  }, [error]);

  function onKeyDown(event: KeyboardEvent): void {
    const last = options.length - 1;
    const first = choosesFirst ? 0 : -1;
    if (event.key === 'ArrowDown') setActive(at >= last ? first : at + 1);
    else if (event.key === 'ArrowUp') setActive(at <= first ? last : at - 1);
    else if (event.key === 'Enter' && options[at]) onChoose(options[at]);
    else return;
    event.preventDefault();
  }

  const text = error || hint;
  return (
    <div class="field combobox">
      <label for={id}>{label}</label>
      <input
        ref={input}
        id={id}
        type="text"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={options.length > 0}
        aria-controls={`${id}-list`}
        {...(at >= 0 && { 'aria-activedescendant': `${id}-${at}` })}
        {...(error && { 'aria-invalid': true as const })}
        {...(text && { 'aria-describedby': `${id}-text` })}
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        placeholder={placeholder ?? ''}
        data-autofocus
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id={`${id}-list`} role="listbox" aria-label="Results" hidden={options.length === 0}>
        {options.map((option, index) => (
          <li
            key={option.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onChoose(option)}
          >
            <span class="option-label">{option.label}</span>
            {option.detail && <span class="option-detail">{option.detail}</span>}
          </li>
        ))}
      </ul>
      {text && <p id={`${id}-text`} class={error ? 'error' : 'hint'}>{text}</p>}
    </div>
  );
}
