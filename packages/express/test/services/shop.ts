/**
 * A service in which other instrumentations may run beside `traceContext()`. They patch `require`, so it is a process of
 * its own. Asks itself for what `process.argv[2]` says, and prints what came of it as one line of JSON.
 */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type Express from 'express';
import type { AddressInfo } from 'node:net';
import { context, propagation, trace } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { startTelemetry } from '@throughline/test-telemetry';
import { traceContext } from '../../src/index.ts';
import type { Report, Scenario } from './scenario.ts';

const { module, beside, options, sampled, path, method, body, headers } = JSON.parse(process.argv[2] ?? '') as Scenario;
const telemetry = startTelemetry(
  sampled ? {} : { sampler: { shouldSample: () => ({ decision: 0 }), toString: () => 'none' } },
);
registerInstrumentations({
  instrumentations: [
    ...(beside.includes('http') ? [new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true })] : []),
    ...(beside.includes('express') ? [new ExpressInstrumentation()] : []),
  ],
});

const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const express = require(module) as typeof Express;

const seen: Report['seen'] = {};
let metadata: ReturnType<typeof getRPCMetadata>;
function look(where: string): void {
  const spanContext = trace.getActiveSpan()?.spanContext();
  const baggage = propagation.getActiveBaggage();
  seen[where] = {
    traceId: spanContext?.traceId,
    spanId: spanContext?.spanId,
    flags: spanContext?.traceFlags,
    baggage: baggage?.getAllEntries().map(([key, { value }]) => `${key}=${value}`) ?? [],
  };
}

const app = express();
app.use(traceContext(options));
app.use(express.json());
const posts = express.Router();
posts.all('/posts/:post', (req, res) => {
  metadata = getRPCMetadata(context.active());
  look('handler');
  res.on('finish', () => look('finish'));
  const removed = (): void => look('removed');
  res.once('finish', removed);
  res.removeListener('finish', removed);
  trace.getTracer('handler').startSpan('work').end();
  if (req.params['post'] === 'abort') req.socket.destroy();
  else if (req.params['post'] === 'fail') throw new Error('no');
  else res.json(req.body ?? null);
});
app.use('/users/:id', posts);
// Functions hide from ours what is mounted where.
const hidden = express.Router();
hidden.use('/deep/:y', (req, res, next) => void posts(req, res, next));
app.use('/lazy/:x', (req, res, next) => void hidden(req, res, next));
const guard = express.Router();
guard.all(/.*/, (_req, _res, next) => next());
app.all('/guarded/:page', guard, (req, res) => {
  metadata = getRPCMetadata(context.active());
  res.json(req.params);
});

const server = http.createServer(app);
const closed = new Promise<void>((resolve) =>
  server.on('request', (_req, res) => res.on('close', () => setImmediate(resolve))),
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent: false });
request.on('error', () => {});
request.on('response', (response) => response.resume());
request.end(body);
await closed;
server.close();

const report: Report = {
  seen,
  metadataRoute: metadata?.route,
  hops: await telemetry.hops(),
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
