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
    const [, field, rest] = code === 'BAD_USER_INPUT' ? /^([a-z]\w*): (.*)$/is.exec(message) ?? [] : [];
    super(rest ?? message);
    this.code = code;
    this.status = status;
    this.field = field ?? null;
    this.retryAfter = Number(extensions['retryAfter']) || null;
  }
}

/** Whether the server requires a token, or rejects the one that was sent. */
export const isRefused = (error: unknown): boolean => error instanceof ApiError && error.code === 'UNAUTHENTICATED';

/** A sentence about any error, for people. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
