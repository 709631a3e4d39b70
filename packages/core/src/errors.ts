/** What was wrong with how Throughline was called. */
export type ThroughlineErrorCode = 'ERR_THROUGHLINE_OPTION' | 'ERR_THROUGHLINE_ARGUMENT';

/**
 * A mistake in options or arguments, thrown where they are given. The message holds the fix. Compare `code`: two loaded
 * copies of this package have two classes.
 */
export class ThroughlineError extends Error {
  override readonly name = 'ThroughlineError';
  readonly code: ThroughlineErrorCode;

  constructor(code: ThroughlineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
