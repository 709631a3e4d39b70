import { context, metrics, propagation, trace } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { ReadableSpan, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';

export type { ReadableSpan, Sampler };
export { ParentBasedSampler } from '@opentelemetry/sdk-trace';

export interface TelemetryOptions {
  /** The sampler of the tracer provider; the SDK's own default when absent. */
  readonly sampler?: Sampler;
  /** The global propagator; W3C trace context and baggage of `@opentelemetry/core` when absent, none when `null`. */
  readonly propagator?: TextMapPropagator | null;
  /** Span processors before the one that keeps the finished spans. */
  readonly spanProcessors?: readonly SpanProcessor[];
}

export interface Telemetry {
  /** The spans that have ended since the start or the last reset, in the order in which they ended. */
  spans(): ReadableSpan[];
  /** The first finished span of that name. Throws, naming the spans that are there, when there is none. */
  find(name: string): ReadableSpan;
  /** The counter `throughline.hops` since the start or the last reset, by `'transport direction outcome'`. */
  hops(): Promise<Record<string, number>>;
  /** Forgets the finished spans at once, and the hops counted so far once the promise resolves. */
  reset(): Promise<void>;
  /** Stops the SDK and takes it out of OpenTelemetry's globals. */
  shutdown(): Promise<void>;
}

/** Registers an in-memory OpenTelemetry SDK (the 3.x line) as the global one. Shut one down before you start the next. */
export function startTelemetry(options: TelemetryOptions = {}): Telemetry {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({
    spanProcessors: [...(options.spanProcessors ?? []), new SimpleSpanProcessor({ exporter })],
    ...(options.sampler && { sampler: options.sampler }),
  });
  const reader = new ManualReader();
  const meterProvider = new MeterProvider({ readers: [reader] });

  const registered = [
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()),
    trace.setGlobalTracerProvider(tracerProvider),
    metrics.setGlobalMeterProvider(meterProvider),
    options.propagator === null || propagation.setGlobalPropagator(options.propagator ?? w3c()),
  ];
  if (registered.includes(false)) {
    throw new Error('another OpenTelemetry SDK is still registered: shut it down before startTelemetry()');
  }

  let hopsBefore: ReadonlyMap<string, number> = new Map();

  return {
    spans: () => exporter.getFinishedSpans(),
    find(name) {
      const spans = exporter.getFinishedSpans();
      const found = spans.find((span) => span.name === name);
      if (!found)
        throw new Error(`no span named '${name}' among: ${spans.map((span) => span.name).join(', ') || '(none)'}`);
      return found;
    },
    async hops() {
      const hops: Record<string, number> = {};
      for (const [key, count] of await readHops(reader)) {
        const since = count - (hopsBefore.get(key) ?? 0);
        if (since > 0) hops[key] = since;
      }
      return hops;
    },
    async reset() {
      exporter.reset();
      hopsBefore = await readHops(reader);
    },
    async shutdown() {
      trace.disable();
      context.disable();
      propagation.disable();
      metrics.disable();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    },
  };
}

function w3c(): TextMapPropagator {
  return new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] });
}

class ManualReader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

async function readHops(reader: MetricReader): Promise<Map<string, number>> {
  const hops = new Map<string, number>();
  const { resourceMetrics } = await reader.collect();
  for (const { metrics: collected } of resourceMetrics.scopeMetrics) {
    for (const metric of collected) {
      if (metric.descriptor.name !== 'throughline.hops' || metric.dataPointType !== DataPointType.SUM) continue;
      for (const { attributes, value } of metric.dataPoints) {
        const key = [attributes['transport'], attributes['direction'], attributes['outcome']].map(String).join(' ');
        hops.set(key, (hops.get(key) ?? 0) + value);
      }
    }
  }
  return hops;
}
