// #region config
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';

// For `new NodeSDK({ instrumentations: [instrumentations] })`
const instrumentations = getNodeAutoInstrumentations({
  '@opentelemetry/instrumentation-net': { enabled: false },
  '@opentelemetry/instrumentation-dns': { enabled: false },
  '@opentelemetry/instrumentation-router': { enabled: false },
  '@opentelemetry/instrumentation-kafkajs': { enabled: false },
  '@opentelemetry/instrumentation-http': { disableIncomingRequestInstrumentation: true },
});
// #endregion

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type Express from 'express';
import { SpanKind, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { publicEdge } from '@throughline/core';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { startTelemetry } from '@throughline/test-telemetry';
import { close, urlOf } from './server.ts';

const telemetry = startTelemetry();
registerInstrumentations({ instrumentations });
const express = createRequire(import.meta.url)('express') as typeof Express;
const app = express();
app.use('/edge', traceContext(publicEdge({ authenticated: () => false })));
app.use(traceContext());
for (const path of ['/plans', '/edge/plans']) {
  app.get(path, (_request, response) => {
    trace.getTracer('example').startSpan(path).end();
    response.json({});
  });
}
const server = app.listen(0, '127.0.0.1');
const url = await urlOf(server);
const tracedFetch = traceFetch();
await trace.getTracer('example').startActiveSpan('turn', async (turn) => {
  await (await tracedFetch(`${url}/plans`)).text();
  await (await tracedFetch(`${url}/edge/plans`)).text();
  turn.end();
});
await close(server);

const spans = telemetry.spans().filter(({ kind }) => kind !== SpanKind.INTERNAL);
assert.deepEqual(spans.map(({ name, instrumentationScope }) => `${name} ${instrumentationScope.name}`).sort(), [
  'GET /edge/plans @throughline/express',
  'GET /plans @throughline/express',
  'GET @throughline/fetch',
  'GET @throughline/fetch',
]);
const { traceId } = telemetry.find('turn').spanContext();
assert.equal(telemetry.find('/plans').spanContext().traceId, traceId);
assert.equal(
  telemetry.find('/edge/plans').spanContext().traceId,
  telemetry.find('GET /edge/plans').spanContext().traceId,
);
assert.notEqual(telemetry.find('/edge/plans').spanContext().traceId, traceId);
await telemetry.shutdown();
console.log('beside the whole set each call has one CLIENT and one SERVER span, and a restart holds');
