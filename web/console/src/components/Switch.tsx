import './switch.css';

interface Props {
  label: string;
  checked: boolean;
  onChange(checked: boolean): void;
  disabled?: boolean;
  title?: string;
  /** Whether the label is shown beside the switch. */
  isLabelShown?: boolean;
}

/** Something that is on or off. */
export function Switch({ label, checked, onChange, disabled = false, title, isLabelShown = false }: Props) {
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={checked}
      disabled={disabled}
      {...(!isLabelShown && { 'aria-label': label })}
      {...(title && { title })}
      onClick={() => onChange(!checked)}
    >
      <span class="switch-track" aria-hidden="true"><span class="switch-knob" /></span>
      {isLabelShown && label}
    </button>
  );
}
