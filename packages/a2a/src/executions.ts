import type { Context } from '@opentelemetry/api';

// By the SDK's own object for a request, which an executor and a push sender are both given.
const executions = new WeakMap<object, Context>();

/** Remembers in which context the request of an SDK's `ServerCallContext` is executed. */
export function rememberExecution(call: object | undefined, context: Context): void {
  if (call !== undefined) executions.set(call, context);
}

/** Returns the context in which a request is executed, where its executor is traced. */
export function executionOf(call: unknown): Context | undefined {
  return typeof call === 'object' && call !== null ? executions.get(call) : undefined;
}
