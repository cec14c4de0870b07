/** An error of the server, or of the way to it. */
export class ApiError extends Error {
  override name = 'ApiError';
  /** `extensions.code`, or `NETWORK` if the server was not reached. */
  readonly code: string;
  /** The input field that the server rejects: `threshold` of `threshold: must be greater than 0`. */
  readonly field: string | null;
  /** Seconds after which it is worth to try again. */
  readonly retryAfter: number | null;
  /** The status of the HTTP response: 401 if the token itself is refused, not only a field. 0 without a response. */
  readonly status: number;

  constructor(message: string, code: string, extensions: Record<string, unknown> = {}, status = 0) {
    const rejected = code === 'BAD_USER_INPUT' ? rejectedField(message) : null;
    super(rejected?.reason ?? message);
    this.code = code;
    this.status = status;
    this.field = rejected?.field ?? null;
    this.retryAfter = Number(extensions['retryAfter']) || null;
  }
}

/**
 * Splits the message about a rejected input field: `threshold: must be greater than 0`, or, for a value of the wrong type,
 * `Variable "$input.threshold" got invalid value; Failed to parse "Decimal": "x" is not a decimal number`.
 */
export function rejectedField(message: string): { field: string; reason: string } | null {
  const [, field, reason] =
    /^Variable "\$\w+\.(\w+)[^"]*" got invalid value; (?:Failed to parse "\w+": )?(.*)$/s.exec(message) ??
    /^([a-z]\w*): (.*)$/is.exec(message) ??
    [];
  return field !== undefined && reason !== undefined ? { field, reason } : null;
}

/** Whether the server requires a token, or rejects the one that was sent. */
export const isRefused = (error: unknown): boolean => error instanceof ApiError && error.code === 'UNAUTHENTICATED';

/** A sentence about any error, for people. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
