/** The packages that the console is bundled with. */

export interface Licence {
  name: string;
  version: string;
  /** As an SPDX identifier, such as `MIT`. */
  licence: string;
  link: string | null;
  /** What the licence requires to be shown. */
  notice: string | null;
  text: string;
}

/** Replaced by the build: `plugin/licences.ts`. */
declare const BUNDLED_LICENCES: readonly Licence[];

export const licences: readonly Licence[] = import.meta.env.DEV ? [] : BUNDLED_LICENCES;
