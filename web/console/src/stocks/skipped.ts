/** A provider that was not searched; no provider if no tracker took the search. */
export interface Skipped {
  provider: string | null;
  reason: string;
}

/** Says what was not searched and why, if anything. */
export function skippedText(skipped: readonly Skipped[]): string | null {
  if (skipped.length === 0) return null;
  const reasons = skipped.map(({ provider, reason }) => (provider === null ? reason : `${provider}: ${reason}`));
  return `Not searched: ${reasons.join('; ')}`;
}
