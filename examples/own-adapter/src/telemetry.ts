/** A stock OpenTelemetry SDK that keeps its spans in memory: nothing in this file knows Throughline. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

export interface Telemetry {
  /** The spans that have ended since the start or the last reset. */
  spans(): ReadableSpan[];
  reset(): void;
}

/** Registers the SDK globally. */
export function startTelemetry(): Telemetry {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  return { spans: () => exporter.getFinishedSpans(), reset: () => exporter.reset() };
}
