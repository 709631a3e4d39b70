import { SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan, Telemetry } from '@throughline/test-telemetry';
import { expect } from 'vitest';

/** Runs `fn` in a span of the test's own. */
export function inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan(name, async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });
}

/** The one finished span of that name and kind. */
export function spanOf(telemetry: Telemetry, name: string, kind: SpanKind): ReadableSpan {
  const found = telemetry.spans().filter((span) => span.name === name && span.kind === kind);
  expect(found, `one ${SpanKind[kind]} span '${name}'`).toHaveLength(1);
  return found[0] as ReadableSpan;
}

export function parentOf(span: ReadableSpan): string | undefined {
  return span.parentSpanContext?.spanId;
}

export function activeSpanId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().spanId;
}
