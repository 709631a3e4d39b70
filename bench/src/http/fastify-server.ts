import { createRequire } from 'node:module';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { traceContext } from '@throughline/fastify';
import type Fastify from 'fastify';
import { startTelemetry } from '../telemetry.ts';
import { handWritten } from './hand-written.ts';
import { serve } from './serve.ts';

/** How the requests of a server are traced. */
export type FastifyVariant = 'bare' | 'ours' | '@fastify/otel' | 'http+@fastify/otel' | 'hand-written';

const variant = process.argv[2] as FastifyVariant;
const telemetry = startTelemetry();

if (variant === 'http+@fastify/otel') {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new HttpInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how Fastify gets the `node:http` that it patches.
const { fastify } = createRequire(import.meta.url)('fastify') as { fastify: typeof Fastify };

const app = fastify();
if (variant === 'ours') await app.register(traceContext);
if (variant.endsWith('@fastify/otel')) {
  const instrumentation = new FastifyOtelInstrumentation();
  instrumentation.setTracerProvider(telemetry.provider);
  await app.register(instrumentation.plugin());
}
if (variant === 'hand-written') {
  app.addHook('onRequest', (request, reply, done) => {
    handWritten(telemetry.tracer, request.raw, reply.raw, () => request.routeOptions.url, done);
  });
}
app.get<{ Params: { id: string } }>('/users/:id', async (request) => ({ id: request.params.id }));

await app.ready();
serve(app.server, telemetry);
