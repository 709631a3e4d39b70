/**
 * A service in which other instrumentations may run beside `traceContext`. instrumentation-http patches `require`, so it is a process of
 * its own. Asks itself for what `process.argv[2]` says, and prints what came of it as one line of JSON.
 */
import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type { AddressInfo } from 'node:net';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { currentLineage } from '@throughline/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type Fastify from 'fastify';
import { traceContext } from '../../src/index.ts';
import type { Report, Scenario, Seen } from './scenario.ts';

const { beside, options, sampled, path } = JSON.parse(process.argv[2] ?? '') as Scenario;
const told: string[] = [];
const tell = (message: string): void => void told.push(message);
diag.setLogger({ error: tell, warn: tell, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
const telemetry = startTelemetry(
  sampled ? {} : { sampler: { shouldSample: () => ({ decision: 0 }), toString: () => 'none' } },
);
registerInstrumentations({
  instrumentations: beside.includes('http')
    ? [new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true })]
    : [],
});

const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const { fastify } = require('fastify') as { fastify: typeof Fastify };

const seen: Record<string, Seen> = {};
let metadata: ReturnType<typeof getRPCMetadata>;
function look(where: string): void {
  const spanContext = trace.getActiveSpan()?.spanContext();
  const baggage = propagation.getActiveBaggage();
  seen[where] = {
    traceId: spanContext?.traceId,
    spanId: spanContext?.spanId,
    flags: spanContext?.traceFlags,
    baggage: baggage?.getAllEntries().map(([key, { value }]) => `${key}=${value}`) ?? [],
    isHop: currentLineage() !== undefined,
  };
}

const app = fastify();
const bare = beside.includes('otel bare');
const otel = new FastifyOtelInstrumentation(bare ? { instrumentHooks: false, instrumentHandler: false } : {});
if (bare || beside.includes('otel before')) await app.register(otel.plugin());
await app.register(traceContext, options);
if (beside.includes('otel after')) await app.register(otel.plugin());
app.addHook('preHandler', async () => look('preHandler'));
app.addHook('onResponse', async () => look('onResponse'));
app.post('/users/:id/posts/:post', async (request, reply) => {
  metadata = getRPCMetadata(context.active());
  look('handler');
  trace.getTracer('handler').startSpan('work').end();
  const { post } = request.params as { post: string };
  if (post === 'fail') throw new RangeError('no');
  if (post === 'abort') {
    request.raw.socket.destroy();
    return reply;
  }
  return request.body;
});

await app.listen({ port: 0, host: '127.0.0.1' });
const closed = new Promise<void>((resolve) =>
  app.server.on('request', (_req, res) => res.on('close', () => setImmediate(resolve))),
);
const request = http.request({
  host: '127.0.0.1',
  port: (app.server.address() as AddressInfo).port,
  path,
  method: 'POST',
  headers: {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    baggage: 'user=ada',
    'content-type': 'application/json',
  },
  agent: false,
});
request.on('error', () => {});
request.on('response', (response) => response.resume());
request.end('{"a":1}');
await closed;
await app.close();

const report: Report = {
  seen,
  metadataRoute: metadata?.route,
  hops: await telemetry.hops(),
  told,
  spans: telemetry.spans().map((span) => ({
    scope: span.instrumentationScope.name,
    name: span.name,
    kind: span.kind,
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentId: span.parentSpanContext?.spanId,
    status: span.status.code,
    links: span.links.map((link) => link.context.spanId),
    attributes: span.attributes,
  })),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
