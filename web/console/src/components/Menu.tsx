import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface MenuItem {
  label: string;
  run(): void;
}

interface Opened {
  button: HTMLElement;
  label: string;
  items: readonly MenuItem[];
}

const opened = signal<Opened | null>(null);

/** Opens a menu below a button. */
export function openMenu(button: HTMLElement, label: string, items: readonly MenuItem[]): void {
  opened.value = { button, label, items };
}

/** A button that opens a menu. */
export const MenuButton = ({ label, items }: { label: string; items: readonly MenuItem[] }) => (
  <button
    type="button"
    class="icon more"
    aria-haspopup="menu"
    aria-expanded={opened.value?.label === label}
    aria-label={label}
    onClick={(event) => openMenu(event.currentTarget, label, items)}
  >
    <span aria-hidden="true">⋯</span>
  </button>
);

/** Shows the menu that is open, above everything else. */
export function MenuHost() {
  const menu = opened.value;
  return menu && <Menu key={menu.label} {...menu} />;
}

function Menu({ button, label, items }: Opened) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const menu = element.current!;
    menu.showPopover();
    const { right, bottom, top } = button.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = menu;
    const below = bottom + offsetHeight < innerHeight;
    menu.style.left = `${Math.max(4, right - offsetWidth)}px`;
    menu.style.top = `${below ? bottom + 2 : Math.max(4, top - offsetHeight - 2)}px`;
    menu.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, []);

  function close(): void {
    opened.value = null;
    button.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const all = [...element.current!.querySelectorAll<HTMLElement>('[role=menuitem]')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const targets: Record<string, number> = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) all[target]?.focus();
    else if (event.key === 'Tab' || event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div
      ref={element}
      class="menu"
      role="menu"
      aria-label={label}
      popover="auto"
      onKeyDown={onKeyDown}
      onToggle={(event) => {
        // Closed by a click elsewhere, which also moved the focus.
        if (event.newState === 'closed' && opened.peek()?.button === button) opened.value = null;
      }}
    >
      {items.map(({ label: text, run }) => (
        <button
          key={text}
          type="button"
          role="menuitem"
          tabIndex={-1}
          onClick={() => {
            close();
            run();
          }}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
