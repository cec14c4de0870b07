// Times in the zone of the viewer, with 24 hours.

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const SHORT_TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const WEEKDAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short' });
/** Sweden writes dates as ISO 8601 does. */
const DATE = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short' });

type Instant = string | Date;
const asDate = (instant: Instant): Date => (typeof instant === 'string' ? new Date(instant) : instant);

/** `12:01:07` */
export const formatTime = (instant: Instant): string => TIME.format(asDate(instant));

/** `2026-11-29` */
export const formatDate = (instant: Instant): string => DATE.format(asDate(instant));

/** `2026-11-29 12:01:07` */
export const formatDateTime = (instant: Instant): string => `${formatDate(instant)} ${formatTime(instant)}`;

/** `Mon 09:30` */
export const formatWeekday = (instant: Instant): string =>
  `${WEEKDAY.format(asDate(instant))} ${SHORT_TIME.format(asDate(instant))}`;

/** `3 s ago` below a minute, else the time, or the date if it is another day. */
export function formatUpdated(instant: Instant, now: number): string {
  const date = asDate(instant);
  const seconds = Math.max(0, Math.floor((now - date.getTime()) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  return formatDate(date) === formatDate(new Date(now)) ? formatTime(date) : formatDate(date);
}

/** `3 s`, `12 min`, `4 h`, `9 d`: how old something is. */
export function formatAge(instant: Instant, now: number): string {
  const seconds = Math.max(0, Math.floor((now - asDate(instant).getTime()) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `UTC+1`, `GMT-5`, or what the browser calls the zone of the viewer: once a page. */
export function zoneName(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const part = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
    .formatToParts(new Date())
    .find(({ type }) => type === 'timeZoneName');
  return part && part.value !== timeZone ? `${timeZone} (${part.value})` : timeZone;
}
