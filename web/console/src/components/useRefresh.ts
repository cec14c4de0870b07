import { useEffect } from 'preact/hooks';

/** Calls a function periodically while the page is visible, and when it becomes visible. `interval` is in milliseconds. */
export function useRefresh(reload: () => void, interval: number): void {
  useEffect(() => {
    const reloadIfVisible = () => document.hidden || reload();
    const timer = setInterval(reloadIfVisible, interval);
    addEventListener('visibilitychange', reloadIfVisible);
    return () => {
      clearInterval(timer);
      removeEventListener('visibilitychange', reloadIfVisible);
    };
  }, [reload, interval]);
}
