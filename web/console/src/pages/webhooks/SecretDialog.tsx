import { useRef, useState } from 'preact/hooks';
import { Dialog } from '../../components/Dialog.tsx';

interface Props {
  secret: string;
  onClose(): void;
}

/** A signing key, shown once. */
export function SecretDialog({ secret, onClose }: Props) {
  const [state, setState] = useState<'shown' | 'copied' | 'selected'>('shown');
  const shown = useRef<HTMLElement>(null);
  async function copy() {
    try {
      await navigator.clipboard.writeText(secret);
      setState('copied');
    } catch {
      // The clipboard requires HTTPS or localhost: the user copies what is selected.
      if (shown.current) getSelection()?.selectAllChildren(shown.current);
      setState('selected');
    }
  }
  return (
    <Dialog title="Signing secret" onClose={onClose}>
      <p>Your server verifies messages with this key. It is not shown again.</p>
      <p class="secret"><code ref={shown}>{secret}</code></p>
      <p role="status" class="hint">
        {state === 'copied' && 'Copied'}
        {state === 'selected' && 'Selected: press Ctrl+C to copy'}
      </p>
      <div class="actions">
        <button type="button" class="primary" data-autofocus onClick={copy}>Copy</button>
        <button type="button" onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}
