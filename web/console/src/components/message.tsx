import { signal } from '@preact/signals';

const shown = signal<{ text: string; failed: boolean } | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a sentence for some seconds at the bottom of the window, which is also spoken. */
export function showMessage(text: string, { failed = false } = {}): void {
  clearTimeout(timer);
  shown.value = { text, failed };
  timer = setTimeout(() => (shown.value = null), failed ? 10_000 : 5_000);
}

/** Where messages appear. */
export const MessageHost = () => (
  <div class="message-host" role="status" aria-label="Message">
    {shown.value && <p class={`message ${shown.value.failed ? 'is-failed' : ''}`}>{shown.value.text}</p>}
  </div>
);
