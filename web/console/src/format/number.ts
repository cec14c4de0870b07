// Numbers from the strings of the API, exactly: `Intl.NumberFormat` reads decimal strings without a double.

const MINUS = '\u2212';
/** What is shown for a value that is not known. */
export const UNKNOWN = '–';

const EXACT = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 20 });
const SIGNED = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 20,
  signDisplay: 'exceptZero',
});
const PERCENT = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  // Also -0.001, which is shown as −0.00.
  signDisplay: 'always',
});
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

type Digits = string | number | null | undefined;

/** TypeScript only accepts literals; every decimal string is valid at run time. */
const format = (format: Intl.NumberFormat, digits: string | number): string =>
  format.format(String(digits) as Intl.StringNumericLiteral).replace('-', MINUS);

/** `187.23`, `1,234.50`, `0.00001234`: all digits, at least 2 decimals. */
export const formatPrice = (digits: Digits): string => (digits == null ? UNKNOWN : format(EXACT, digits));

/** `+1.23`, `−4.50`, `0.00`: all digits, at least 2 decimals. */
export const formatChange = (digits: Digits): string => (digits == null ? UNKNOWN : format(SIGNED, digits));

/** `+0.66%`, `−5.43%`: 2 decimals. */
export function formatPercent(digits: Digits): string {
  if (digits == null) return UNKNOWN;
  return `${isZero(digits) ? '0.00' : format(PERCENT, digits)}%`;
}

/** `1,204`: a whole number. */
export const formatCount = (digits: Digits): string => (digits == null ? UNKNOWN : format(WHOLE, digits));

/** `12.3M`: a short number. */
export const formatShort = (digits: Digits): string => (digits == null ? UNKNOWN : format(COMPACT, digits));

/** `▲` or `▼` by the sign, or nothing. */
export function arrowOf(digits: Digits): '▲' | '▼' | '' {
  const sign = signOf(digits);
  return sign > 0 ? '▲' : sign < 0 ? '▼' : '';
}

/** -1, 0 or 1; 0 for what is not known. */
export function signOf(digits: Digits): -1 | 0 | 1 {
  if (digits == null || isZero(digits)) return 0;
  return String(digits).startsWith('-') ? -1 : 1;
}

const isZero = (digits: string | number): boolean => !/[1-9]/.test(String(digits));

/** The largest `Decimal` of the API, without its point: 8 fractional digits in 64 bits. */
const MAX_DECIMAL = 2n ** 63n - 1n;

/** Whether the API accepts a text as a `Decimal`: no exponent, at most 8 fractional digits. */
export function isDecimal(text: string): boolean {
  const [, whole, fraction = ''] = /^[+-]?(?=\.?\d)(\d*)(?:\.(\d{0,8})0*)?$/.exec(text) ?? [];
  return whole !== undefined && BigInt(whole + fraction.padEnd(8, '0')) <= MAX_DECIMAL;
}

/** The number of decimals that `formatPrice` shows. */
export function decimalsOf(digits: Digits): number {
  const text = String(digits ?? '');
  const point = text.indexOf('.');
  return point < 0 ? 2 : Math.max(2, text.length - point - 1);
}

/** Compares two decimal strings exactly: negative, zero or positive, as `Array.sort` expects it. */
export function compareDecimals(left: string, right: string): number {
  const [negative, otherNegative] = [left.startsWith('-'), right.startsWith('-')];
  if (negative !== otherNegative) return negative ? -1 : 1;
  const order = compareMagnitudes(left.replace('-', ''), right.replace('-', ''));
  return negative ? -order : order;
}

function compareMagnitudes(left: string, right: string): number {
  const [whole = '', fraction = ''] = left.split('.');
  const [otherWhole = '', otherFraction = ''] = right.split('.');
  if (whole.length !== otherWhole.length) return whole.length - otherWhole.length;
  if (whole !== otherWhole) return whole < otherWhole ? -1 : 1;
  return fraction < otherFraction ? -1 : fraction > otherFraction ? 1 : 0;
}
