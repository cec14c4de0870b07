/** Keeps an integer that a double cannot hold as the text that was sent. */
export function exactInteger(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value)
    ? (context?.source ?? value)
    : value;
}

/** Parses an answer of the API. */
export const parse = (text: string): unknown => JSON.parse(text, /\d{16}/.test(text) ? exactInteger : undefined);
