import type { ComponentChildren } from 'preact';
import { serverPath } from './base.ts';
import { navigate } from './router.ts';

interface Props {
  href: string;
  children: ComponentChildren;
  class?: string;
  title?: string;
  tabIndex?: number;
  'aria-current'?: 'page';
  'aria-label'?: string;
  onClick?(event: MouseEvent): void;
}

/** A link to a page of the console, which does not load the document again. */
export function Link({ onClick, ...props }: Props) {
  return (
    <a
      {...props}
      href={serverPath(props.href)}
      onClick={(event) => {
        onClick?.(event);
        const { button, metaKey, ctrlKey, shiftKey, altKey } = event;
        if (event.defaultPrevented || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return;
        event.preventDefault();
        navigate(props.href);
      }}
    />
  );
}
