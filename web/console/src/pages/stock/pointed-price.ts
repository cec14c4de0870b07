import { signal } from '@preact/signals';

/** The price that the pointer is at in the chart, for a rule that begins with it. */
export const pointedPrice = signal<string | null>(null);
