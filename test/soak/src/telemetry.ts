import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';

/** Registers a stock SDK 3 that records every span and drops what it exports: what stays in memory is not telemetry's. */
export function startTelemetry(watching: SpanProcessor): TracerProvider {
  const dropping = new BatchSpanProcessor({
    exporter: {
      export: (_, done) => done({ code: ExportResultCode.SUCCESS }),
      shutdown: () => Promise.resolve(),
    },
  });
  const provider = new TracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors: [watching, dropping] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(provider);
  return provider;
}
