/** The version of this package, as its spans' instrumentation scope names it. */
export const version: string = '0.0.0';
