import { useEffect } from 'preact/hooks';

let wanted = document.title;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Sets the title of the document, at most once a second. */
function setTitle(text: string): void {
  wanted = `${text} · Stock Tracker`;
  if (timer !== undefined) return;
  document.title = wanted;
  timer = setTimeout(() => {
    timer = undefined;
    document.title = wanted;
  }, 1000);
}

/** Names the page in the title of the document. */
export function useTitle(text: string): void {
  useEffect(() => setTitle(text), [text]);
}
