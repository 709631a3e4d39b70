/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/openai-agents', version: '0.0.0' } as const;
