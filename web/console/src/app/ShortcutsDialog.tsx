import { Dialog, openDialog } from '../components/Dialog.tsx';
import { setSingleKeys, shortcuts, singleKeys } from '../keyboard/keys.ts';

const NAMES: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc' };

export const openShortcuts = () => openDialog((close) => <ShortcutsDialog onClose={close} />);

/** Lists the keys of the current page. */
function ShortcutsDialog({ onClose }: { onClose(): void }) {
  const byLabel = new Map<string, string[]>();
  // Of two shortcuts with the same keys, the one of the page acts.
  const seen = new Set<string>();
  for (const { keys, label } of shortcuts.value) {
    if (!seen.has(keys)) byLabel.set(label, [...(byLabel.get(label) ?? []), keys]);
    seen.add(keys);
  }
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="shortcuts">
        {[...byLabel].map(([label, keys]) => (
          <div key={label}>
            <dt>{keys.map((it) => <Keys key={it} keys={it} />)}</dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={singleKeys.value}
          onChange={(event) => setSingleKeys(event.currentTarget.checked)}
        />
        Single keys act
      </label>
      <div class="actions">
        <button type="button" data-autofocus onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}

const Keys = ({ keys }: { keys: string }) => (
  <span class="keys">
    {keys.replace('Ctrl+k', 'Ctrl+K').split(/[ +]/).map((key) => <kbd key={key}>{NAMES[key] ?? key}</kbd>)}
  </span>
);
