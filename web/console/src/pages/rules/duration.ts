/** Durations as people type them: `90`, `90s`, `5m`, `1h 30m`, `2d`. */

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

/** Returns the seconds of a duration, 0 for an empty text, or null if it is none. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === '') return 0;
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed);
  if (!/^(\d{1,9}\s*[smhd]\s*)+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+)\s*([smhd])/g)) {
    total += Number(count) * (unitSeconds[unit ?? ''] ?? 0);
  }
  return total;
}

/** Returns the shortest text that parses to the seconds, and an empty one for 0. */
export function durationText(seconds: number): string {
  let rest = seconds;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = unitSeconds[unit] ?? 1;
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join(' ');
}
