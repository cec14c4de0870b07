/** The licence of a package that is in the bundle. */
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
