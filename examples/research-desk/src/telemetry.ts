/** A stock OpenTelemetry SDK: nothing in this file knows Throughline. */
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { asked } from './breaking.ts';
import { startMetrics } from './metrics.ts';

/**
 * Registers the SDK globally; returns the function that flushes what is left and shuts it down.
 * Spans go to `OTEL_EXPORTER_OTLP_ENDPOINT`, which the exporter reads itself. Where `DESK_METRICS` names a folder, Prometheus finds in it
 * where to scrape this process; else nothing is measured.
 */
export function startTelemetry(service: string, instance: string): () => Promise<void> {
  const resource = defaultResource().merge(
    resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance, 'process.pid': process.pid }),
  );
  const provider = new TracerProvider({
    resource,
    ...(asked(`unsampled-${service}`) ? { sampler: new AlwaysOffSampler() } : undefined),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        // However slow this machine is: the kill comes before the first export.
        ...(asked(`killed-${service}`) ? { scheduledDelayMillis: 60_000 } : undefined),
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  trace.setGlobalTracerProvider(provider);
  const targets = process.env['DESK_METRICS'];
  const stopMetrics = targets ? startMetrics(resource, service, instance, targets) : undefined;
  return async () => {
    await Promise.all([provider.shutdown(), stopMetrics?.()]);
  };
}
