import { zoneName } from '../format/time.ts';

/** The zone of the times of a page. */
export const ZoneNote = () => <span class="muted">Times in {zoneName()}</span>;
