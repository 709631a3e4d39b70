import { close, urlOf } from './server.ts';
import type { ServerResponse } from 'node:http';

const answer = (response: ServerResponse): void => void response.end('{}');

// #region server
import { createServer } from 'node:http';
import { traceContext } from '@throughline/express';

const traced = traceContext({ agent: 'planner', route: () => '/plans' });
const server = createServer((request, response) => traced(request, response, () => answer(response)));
// #endregion

import assert from 'node:assert/strict';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
const url = await urlOf(server.listen(0, '127.0.0.1'));
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
await fetch(`${url}/plans`, { headers: { traceparent } });
await close(server);
assert.equal(telemetry.find('GET /plans').spanContext().traceId, traceparent.slice(3, 35));
await telemetry.shutdown();
console.log('a server without a framework continues the trace');
