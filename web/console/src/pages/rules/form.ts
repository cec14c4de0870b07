/** The fields of the form of a rule, and the inputs of mutations that they make. */

import type {
  AlertKind,
  ChangeBase,
  CreateAlertRuleInput,
  PriceBasis,
  RuleFieldsFragment,
  Trigger,
  UpdateAlertRuleInput,
} from '../../generated/graphql.ts';
import { isDecimal } from '../../format/number.ts';
import { durationText, parseDuration } from './duration.ts';
import { describeKind, hasSetting, type OptionalSetting } from './kinds.ts';

/** What the fields contain, as typed. Only the fields that go with the kind are shown and sent. */
export interface RuleForm {
  /** An empty text means all stocks. */
  symbol: string;
  kind: AlertKind;
  threshold: string;
  base: ChangeBase;
  windowSeconds: string;
  hold: string;
  rearm: string;
  basis: PriceBasis;
  trigger: Trigger;
  cooldown: string;
  /** As in a field of type `datetime-local`, in the zone of the viewer. */
  expires: string;
  name: string;
  note: string;
}

export type RuleField = keyof RuleForm;

/** The field of the form for each field of the inputs. */
const fieldOfInput: Record<string, RuleField> = {
  symbol: 'symbol',
  kind: 'kind',
  threshold: 'threshold',
  base: 'base',
  windowSeconds: 'windowSeconds',
  holdSeconds: 'hold',
  rearmPercent: 'rearm',
  basis: 'basis',
  trigger: 'trigger',
  cooldownSeconds: 'cooldown',
  expiresAt: 'expires',
  name: 'name',
  note: 'note',
};

/** Returns the field of the form that an error of the API is about. */
export function formField(inputField: string | null): RuleField | null {
  return inputField === null ? null : (fieldOfInput[inputField] ?? null);
}

export function emptyForm(symbol = '', price = ''): RuleForm {
  return {
    symbol,
    kind: symbol === '' ? 'PERCENT_CHANGE' : 'PRICE_ABOVE',
    threshold: price,
    base: 'PREVIOUS_CLOSE',
    windowSeconds: '3600',
    hold: '',
    rearm: '',
    basis: 'LAST',
    trigger: 'ONCE_PER_DAY',
    cooldown: '',
    expires: '',
    name: '',
    note: '',
  };
}

export function formOfRule(rule: RuleFieldsFragment): RuleForm {
  return {
    symbol: rule.symbol ?? '',
    kind: rule.kind,
    threshold: rule.threshold,
    base: rule.base ?? 'PREVIOUS_CLOSE',
    windowSeconds: String(rule.windowSeconds ?? 3600),
    hold: durationText(rule.holdSeconds),
    rearm: rule.rearmPercent === '0' ? '' : rule.rearmPercent,
    basis: rule.basis,
    trigger: rule.trigger,
    cooldown: durationText(rule.cooldownSeconds),
    expires: rule.expiresAt == null ? '' : localDateTime(rule.expiresAt),
    name: rule.name ?? '',
    note: rule.note ?? '',
  };
}

/** An instant as the value of a field of type `datetime-local`. */
export function localDateTime(instant: string): string {
  const date = new Date(instant);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day}T${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** The instant of a value of a field of type `datetime-local`, or null if it is not one. */
function instantOf(local: string): string | null {
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** Why a field cannot be sent. */
export interface FieldProblem {
  field: RuleField;
  message: string;
}

/** Returns the first field that the server could not read, or a missing one. */
export function problemOf(form: RuleForm): FieldProblem | null {
  if (form.symbol === '' && describeKind(form.kind).isLevel) {
    return { field: 'symbol', message: 'A rule about a price needs a stock' };
  }
  if (form.threshold.trim() === '') return { field: 'threshold', message: 'Enter a threshold' };
  for (const field of ['threshold', 'rearm'] as const) {
    const isSent = field === 'threshold' || (hasSetting('rearm', form) && form.rearm.trim() !== '');
    if (isSent && !isDecimal(typedNumber(form[field]))) {
      return { field, message: 'Enter a number, such as 12.5' };
    }
  }
  for (const field of ['hold', 'cooldown'] as const) {
    const isSent = field === 'cooldown' || hasSetting('hold', form);
    if (isSent && parseDuration(form[field]) === null) {
      return { field, message: 'Enter a duration, such as 90s, 5m, 2h or 1d' };
    }
  }
  if (form.expires !== '' && instantOf(form.expires) === null) {
    return { field: 'expires', message: 'Enter a date and a time' };
  }
  return null;
}

/** A number as people type it, with spaces around it or a decimal comma. */
export function typedNumber(text: string): string {
  const trimmed = text.trim();
  return /^\d+,\d+$/.test(trimmed) ? trimmed.replace(',', '.') : trimmed;
}

/** The settings that `createAlertRule`, `testAlertRule` and `updateAlertRule` share. */
function settings(form: RuleForm): Omit<CreateAlertRuleInput, 'kind' | 'symbol'> {
  const has = (setting: OptionalSetting): boolean => hasSetting(setting, form);
  return {
    threshold: typedNumber(form.threshold),
    ...(has('base') ? { base: form.base } : {}),
    ...(has('window') ? { windowSeconds: Number(form.windowSeconds) } : {}),
    basis: has('basis') ? form.basis : 'LAST',
    holdSeconds: has('hold') ? (parseDuration(form.hold) ?? 0) : 0,
    rearmPercent: has('rearm') ? typedNumber(form.rearm) || '0' : '0',
    trigger: form.trigger,
    cooldownSeconds: parseDuration(form.cooldown) ?? 0,
    expiresAt: form.expires === '' ? null : instantOf(form.expires),
    name: form.name.trim() === '' ? null : form.name.trim(),
    note: form.note.trim() === '' ? null : form.note,
  };
}

export function createInput(form: RuleForm): CreateAlertRuleInput {
  return { symbol: form.symbol === '' ? null : form.symbol, kind: form.kind, ...settings(form) };
}

/**
 * The input of `updateAlertRule`: only what differs from the rule, since a rule starts again when
 * a setting is changed.
 */
export function updateInput(rule: RuleFieldsFragment, form: RuleForm): UpdateAlertRuleInput {
  const before = settings(formOfRule(rule));
  const after = settings(form);
  const changed = Object.entries(after).filter(
    ([key, value]) => before[key as keyof typeof before] !== value,
  );
  return { id: rule.id, ...Object.fromEntries(changed) };
}
