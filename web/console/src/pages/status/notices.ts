/** What users must know about the prices on every page. */

import { computed } from '@preact/signals';
import { databaseAway } from '../../api/index.ts';
import { status } from './status.ts';
import { providerNotice } from './words.ts';

export const notices = computed<readonly string[]>(() => {
  const { database, providers } = status.value ?? {};
  const texts = (providers ?? []).map(providerNotice).filter((it) => it !== null);
  const isAway = databaseAway.value || database?.up === false;
  return isAway ? ['The database is unavailable: what is shown may be out of date', ...texts] : texts;
});
