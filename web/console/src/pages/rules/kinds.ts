/** What kinds of rules there are, in words, and which settings go with each. */

import type { AlertKind, ChangeBase, PriceBasis, Trigger } from '../../generated/graphql.ts';

/** The settings of a rule that only some rules have. */
export type OptionalSetting = 'base' | 'window' | 'hold' | 'rearm' | 'basis';

interface KindDescription {
  kind: AlertKind;
  label: string;
  /** Whether the rule requires a symbol, because its threshold is a price. */
  isLevel: boolean;
  /** What the threshold is, for people. */
  unit: string;
}

export const kinds: readonly KindDescription[] = [
  { kind: 'PRICE_ABOVE', label: 'Price above', isLevel: true, unit: 'A price' },
  { kind: 'PRICE_BELOW', label: 'Price below', isLevel: true, unit: 'A price' },
  { kind: 'CROSSES_ABOVE', label: 'Crosses above', isLevel: true, unit: 'A price' },
  { kind: 'CROSSES_BELOW', label: 'Crosses below', isLevel: true, unit: 'A price' },
  { kind: 'PERCENT_CHANGE', label: 'Percent change', isLevel: false, unit: 'Percent' },
  { kind: 'CHANGE_IN_WINDOW', label: 'Change in window', isLevel: false, unit: 'Percent' },
  { kind: 'VOLUME_SPIKE', label: 'Volume spike', isLevel: false, unit: 'Times the average volume' },
];

const byKind = new Map(kinds.map((it) => [it.kind, it]));

export function describeKind(kind: AlertKind): KindDescription {
  return byKind.get(kind) ?? { kind, label: kind, isLevel: false, unit: '' };
}

export const triggers: readonly { trigger: Trigger; label: string }[] = [
  { trigger: 'ONCE', label: 'Once' },
  { trigger: 'EVERY_TIME', label: 'Every time' },
  { trigger: 'ONCE_PER_DAY', label: 'Once per day' },
];

export const bases: readonly { base: ChangeBase; label: string }[] = [
  { base: 'PREVIOUS_CLOSE', label: 'Previous close' },
  { base: 'OPEN', label: 'Open' },
  { base: 'LAST_ALERT', label: 'Last alert' },
];

export const priceBases: readonly { basis: PriceBasis; label: string }[] = [
  { basis: 'LAST', label: 'Last price' },
  { basis: 'RANGE', label: 'High and low of the session' },
];

export const windows: readonly { seconds: number; label: string }[] = [
  { seconds: 300, label: '5 minutes' },
  { seconds: 900, label: '15 minutes' },
  { seconds: 3600, label: '1 hour' },
  { seconds: 14400, label: '4 hours' },
  { seconds: 86400, label: '1 day' },
];

export function triggerLabel(trigger: Trigger): string {
  return triggers.find((it) => it.trigger === trigger)?.label ?? trigger;
}

export function windowLabel(seconds: number): string {
  return windows.find((it) => it.seconds === seconds)?.label ?? `${seconds} s`;
}

/** Whether a rule of this kind and basis has a setting. The server refuses it elsewhere. */
export function hasSetting(
  setting: OptionalSetting,
  rule: { kind: AlertKind; basis: PriceBasis },
): boolean {
  const isState = rule.kind === 'PRICE_ABOVE' || rule.kind === 'PRICE_BELOW';
  const isChange = rule.kind === 'PERCENT_CHANGE' || rule.kind === 'CHANGE_IN_WINDOW';
  switch (setting) {
    case 'base':
      return rule.kind === 'PERCENT_CHANGE';
    case 'window':
      return rule.kind === 'CHANGE_IN_WINDOW';
    case 'basis':
      return isState;
    case 'hold':
      return isChange || (isState && rule.basis === 'LAST');
    case 'rearm':
      return rule.kind !== 'VOLUME_SPIKE';
  }
}

/** What identifies a rule to people. */
export interface RuleWords {
  name?: string | null;
  symbol?: string | null;
  kind: AlertKind;
  threshold: string;
  base?: ChangeBase | null;
  windowSeconds?: number | null;
}

/** A rule as a sentence, such as `AAPL above 200`. */
export function ruleSentence(rule: RuleWords): string {
  const who = rule.symbol ?? 'Any stock';
  const { threshold } = rule;
  switch (rule.kind) {
    case 'PRICE_ABOVE':
      return `${who} above ${threshold}`;
    case 'PRICE_BELOW':
      return `${who} below ${threshold}`;
    case 'CROSSES_ABOVE':
      return `${who} crosses above ${threshold}`;
    case 'CROSSES_BELOW':
      return `${who} crosses below ${threshold}`;
    case 'PERCENT_CHANGE': {
      const since = { PREVIOUS_CLOSE: '', OPEN: ' since the open', LAST_ALERT: ' since its last alert' };
      return `${who} changes by ${threshold}%${since[rule.base ?? 'PREVIOUS_CLOSE']}`;
    }
    case 'CHANGE_IN_WINDOW':
      return `${who} changes by ${threshold}% in ${windowLabel(rule.windowSeconds ?? 0)}`;
    case 'VOLUME_SPIKE':
      return `${who} trades ${threshold} times its average volume`;
  }
}

/** The name of a rule, or its sentence if it has none. */
export function ruleName(rule: RuleWords): string {
  return rule.name ?? ruleSentence(rule);
}

/** A threshold with its unit. */
export function thresholdText(rule: { kind: AlertKind; threshold: string }): string {
  const { isLevel } = describeKind(rule.kind);
  if (isLevel) return rule.threshold;
  return rule.kind === 'VOLUME_SPIKE' ? `${rule.threshold}×` : `${rule.threshold}%`;
}
