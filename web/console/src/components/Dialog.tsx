import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

interface Props {
  title: string;
  onClose(): void;
  children: ComponentChildren;
  role?: 'dialog' | 'alertdialog';
  /** Adds a class, such as `at-top`. */
  class?: string;
}

/** A modal dialog. Focus goes to the first field, or to what has `autofocus`, and returns afterwards. */
export function Dialog({ title, onClose, children, role = 'dialog', class: extra = '' }: Props) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    element.querySelector<HTMLElement>('[data-autofocus]')?.focus();
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${extra}`}
      role={role}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Not `click`, which also ends a selection of text that began in a field.
      onPointerDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface Opened {
  key: number;
  content: VNode;
}

const opened = signal<readonly Opened[]>([]);
let nextKey = 0;

/** Opens a dialog from anywhere. `render` returns a `Dialog` that calls `close` to disappear. */
export function openDialog(render: (close: () => void) => VNode): void {
  const key = nextKey++;
  const close = () => (opened.value = opened.value.filter((it) => it.key !== key));
  opened.value = [...opened.value, { key, content: render(close) }];
}

/** Shows what `openDialog` opened. */
export const DialogHost = () => <>{opened.value.map(({ key, content }) => <div key={key}>{content}</div>)}</>;

interface Question {
  title: string;
  text: ComponentChildren;
  /** The name of the button that confirms. */
  action: string;
}

/** Asks before something is lost. */
export function confirm({ title, text, action }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    openDialog((close) => {
      const answer = (confirmed: boolean) => {
        close();
        resolve(confirmed);
      };
      return (
        <Dialog title={title} role="alertdialog" onClose={() => answer(false)}>
          <p>{text}</p>
          <div class="actions">
            <button type="button" class="danger" onClick={() => answer(true)}>{action}</button>
            <button type="button" data-autofocus onClick={() => answer(false)}>Cancel</button>
          </div>
        </Dialog>
      );
    });
  });
}
