/** Two services of a system under test, as `node programs.ts whole` or `broken`: the second never reads what the first sends. */
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const [mode, exit = '0', protocol = 'http'] = process.argv.slice(2);
const exporter = protocol === 'grpc' ? () => new GrpcExporter() : () => new HttpExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const providers = ['gateway', 'planner'].map(
  (service) =>
    new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new BatchSpanProcessor({ exporter: exporter() })],
    }),
);
const [gateway, planner] = providers.map((provider) => provider.getTracer('test'));
if (gateway === undefined || planner === undefined) throw new Error('there are two');
const attributes = { 'http.request.method': 'POST', 'url.path': '/plan', 'server.port': 7102 };

const headers: Record<string, string> = {};
gateway.startActiveSpan('POST', { kind: SpanKind.CLIENT, attributes }, (client) => {
  propagation.inject(context.active(), headers);
  const parent =
    mode === 'broken' ? trace.deleteSpan(context.active()) : propagation.extract(context.active(), headers);
  planner.startSpan('POST /plan', { kind: SpanKind.SERVER, attributes }, parent).end();
  client.end();
});
await Promise.all(providers.map((provider) => provider.shutdown()));
process.exitCode = Number(exit);
