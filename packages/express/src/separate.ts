import { trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';

/**
 * Returns `context`, in which `span` can no longer be made the active one, nor in any context made from it.
 *
 * A trace that restarts beside instrumentation-http leaves that instrumentation's span above it, in the caller's trace.
 * instrumentation-express makes that span active again whenever middleware calls `next()`, ours too, and what a policy has
 * kept out would be back in.
 */
export function separate(context: Context, span: Span): Context {
  return {
    getValue: (key) => context.getValue(key),
    setValue: (key, value) => {
      const changed = context.setValue(key, value);
      // The key of the active span is not public; what it would do is.
      return value === span && trace.getSpan(changed) === span ? separate(context, span) : separate(changed, span);
    },
    deleteValue: (key) => separate(context.deleteValue(key), span),
  };
}
