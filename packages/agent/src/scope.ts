/** The instrumentation scope of this package's spans, metrics and log records. */
export const SCOPE = { name: '@throughline/agent', version: '0.0.0' } as const;
