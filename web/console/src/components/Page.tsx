import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { path } from '../router/router.ts';
import { useTitle } from '../router/title.ts';

/** The first page that is shown leaves the focus where the browser has it. */
let arrived = path.peek();
/** The heading that received the focus after navigation. */
let focused: HTMLElement | null = null;

interface Props {
  /** The heading of level 1. */
  heading: string;
  /** Beside the heading. */
  beside?: ComponentChildren;
  /** The title of the document, if it has more than the heading. */
  title?: string;
  children: ComponentChildren;
  class?: string;
}

/** A page: a heading, which receives the focus after navigation, and its content. */
export function Page({ heading, beside, title, children, class: extra = '' }: Props) {
  const element = useRef<HTMLHeadingElement>(null);
  useTitle(title ?? heading);
  const at = path.value;
  useLayoutEffect(() => {
    // A page that was loaded replaces the heading that it had while it was loading.
    const isReplaced = focused?.isConnected === false && document.activeElement === document.body;
    if (arrived === at && !isReplaced) return;
    arrived = at;
    focused = element.current;
    focused?.focus({ preventScroll: true });
  }, [at]);
  return (
    <div class={`page ${extra}`}>
      <div class="page-head">
        <h1 ref={element} tabIndex={-1}>{heading}</h1>
        {beside}
      </div>
      {children}
    </div>
  );
}
