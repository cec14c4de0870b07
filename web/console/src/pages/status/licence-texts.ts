/** The packages that the console is bundled with. */

import type { Licence } from './licence.ts';

/** Replaced by the build: `plugin/licences.ts`. */
declare const BUNDLED_LICENCES: readonly Licence[];

export const licences: readonly Licence[] = import.meta.env.DEV ? [] : BUNDLED_LICENCES;
