// How the chart of a stock is shown. It stays when another stock is chosen.
import { signal } from '@preact/signals';
import { setParams } from '../../router/router.ts';
import type { Interval } from './intervals.ts';

/** Whether a table takes the place of the chart. */
export const showsTable = signal(false);

export const toggleTable = (): void => {
  showsTable.value = !showsTable.value;
};

export const chooseInterval = ({ key }: Interval): void => setParams({ interval: key });
