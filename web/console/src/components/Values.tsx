// Values of the API as text: numbers with all digits, times with the exact instant.
import { arrowOf, formatChange, formatCount, formatPercent, formatShort, signOf } from '../format/number.ts';
import { formatDate, formatDateTime, formatTime } from '../format/time.ts';
import { today } from './now.ts';

type Digits = string | number | null | undefined;

const TONES = { '-1': 'down', '0': '', '1': 'up' } as const;

/** `up` or `down`, a class for the colour. */
export const toneOf = (digits: Digits): string => TONES[`${signOf(digits)}`];

/** `▲ +1.23` */
export const Change = ({ value }: { value: Digits }) => (
  <span class={toneOf(value)}><span class="arrow">{arrowOf(value)}</span>{' '}{formatChange(value)}</span>
);

/** `▲ +0.66%` */
export const Percent = ({ value }: { value: Digits }) => (
  <span class={toneOf(value)}><span class="arrow">{arrowOf(value)}</span>{' '}{formatPercent(value)}</span>
);

/** `12.3M`, with the exact number as title. */
export const Volume = ({ value }: { value: Digits }) => (
  <span {...(value != null && { title: formatCount(value) })}>{formatShort(value)}</span>
);

/** A time: of today without the date, unless `full`. */
export function Time({ at, full = false }: { at: string; full?: boolean }) {
  const isToday = !full && formatDate(at) === today.value;
  return <time dateTime={at} title={formatDateTime(at)}>{isToday ? formatTime(at) : formatDateTime(at)}</time>;
}
