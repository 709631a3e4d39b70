import { isSpanContextValid } from '@opentelemetry/api';
import type { Link, SpanContext } from '@opentelemetry/api';
import { formatHandle, formatTraceparent, parseHandle, parseTraceparent } from '@throughline/core/adapter';
import { isObject } from './options.ts';

/** The key of a task's metadata under which a task that waits keeps the trace that it waits in. */
export const HANDLE_KEY = 'throughline.handle';

/**
 * Returns the event of a task that waits, with a handle of the span in its metadata, which the SDK keeps with the task. The event that
 * is handed in is not changed. The handle holds the ids of the span and nothing else: whoever asks for the task can read it.
 */
export function withHandle(event: unknown, spanContext: SpanContext): unknown {
  if (!isObject(event) || !isObject(event['data']) || !isSpanContextValid(spanContext)) return event;
  const handle = formatHandle({
    savedAt: Date.now(),
    traceparent: formatTraceparent(spanContext),
    tracestate: undefined,
    lineage: undefined,
  });
  const { data } = event;
  const metadata = isObject(data['metadata']) ? data['metadata'] : {};
  return { ...event, data: { ...data, metadata: { ...metadata, [HANDLE_KEY]: handle } } };
}

/** Returns a link to the span in which a task began to wait; none where it did not, or its handle cannot be read. */
export function handleLinks(task: unknown): readonly Link[] {
  const metadata = isObject(task) ? task['metadata'] : undefined;
  const traceparent = isObject(metadata) ? parseHandle(metadata[HANDLE_KEY])?.traceparent : undefined;
  const context = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return context === undefined ? [] : [{ context }];
}
