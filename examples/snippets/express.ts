// #region readme
import express from 'express';
import { traceContext } from '@throughline/express';

const app = express();
app.use(traceContext({ agent: 'planner' }));
app.get('/plans/:id', (request, response) => {
  response.json({ id: request.params.id });
});
// #endregion

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/plans/7`, { headers: { traceparent } });
server.close();
await once(server, 'close');
const span = telemetry.find('GET /plans/:id');
assert.equal(span.spanContext().traceId, traceparent.slice(3, 35));
assert.equal(span.parentSpanContext?.spanId, traceparent.slice(36, 52));
await telemetry.shutdown();
console.log('the request is a child of the span that sent it');
