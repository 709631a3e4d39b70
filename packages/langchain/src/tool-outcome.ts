import type { Outcome } from '@throughline/core/adapter';

/** Returns how a tool call came out that returned: a message with `status: 'error'` is how LangChain tells a model of a failure. */
export function toolOutcome(result: unknown): Outcome | undefined {
  const failed = typeof result === 'object' && result !== null && (result as { status?: unknown }).status === 'error';
  return failed ? { errorType: 'tool_error' } : undefined;
}
