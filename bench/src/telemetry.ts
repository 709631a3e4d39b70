import { context, metrics, propagation, trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** The SDK that every variant runs on. */
export interface Telemetry {
  readonly provider: TracerProvider;
  readonly tracer: Tracer;
  /** Exports what is waiting, and says how many spans have been exported, which drops them. */
  spans(): Promise<number>;
}

/**
 * Registers the SDK 3 with stock propagators, everything sampled unless told otherwise, spans batched as usual and dropped by
 * the exporter.
 */
export function startTelemetry({ sampled = true }: { readonly sampled?: boolean } = {}): Telemetry {
  let exported = 0;
  const batches = new BatchSpanProcessor({
    exporter: {
      export: (spans, done) => {
        exported += spans.length;
        done({ code: ExportResultCode.SUCCESS });
      },
      shutdown: () => Promise.resolve(),
    },
  });
  const provider = new TracerProvider({
    sampler: sampled ? new AlwaysOnSampler() : new AlwaysOffSampler(),
    spanProcessors: [batches],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(provider);
  return {
    provider,
    tracer: provider.getTracer('hand-written', '1.0.0'),
    spans: () => provider.forceFlush().then(() => exported),
  };
}

/** Registers a meter provider. */
export function startMetrics(): void {
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new UnaskedReader()] }));
}

// A reader that nobody asks: what measuring costs is what adding to a histogram does.
class UnaskedReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}
