import { context, propagation } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** Sets OpenTelemetry up as programs do that know nothing of who collects. An exporter that is slow waits for 1.5 seconds. */
export function startTelemetry(service: string, isSlow: boolean): TracerProvider {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const exporter = process.env['OTEL_EXPORTER_OTLP_PROTOCOL'] === 'grpc' ? new GrpcExporter() : new HttpExporter();
  // The processor of SDK 3 reads no variable by itself.
  const scheduledDelayMillis = isSlow ? 1500 : Number(process.env['OTEL_BSP_SCHEDULE_DELAY']);
  return new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis })],
  });
}
