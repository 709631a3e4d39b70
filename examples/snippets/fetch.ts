import { createServer } from 'node:http';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

let arrived: IncomingHttpHeaders = {};
const server = createServer((request, response) => {
  arrived = request.headers;
  response.end();
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plans`;

// #region readme
import { traceFetch } from '@throughline/fetch';

const tracedFetch = traceFetch(fetch, { agent: 'gateway' });
// #endregion

import assert from 'node:assert/strict';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
const response = await tracedFetch(url, { method: 'POST', body: '{}' });
await response.arrayBuffer();
server.close();
const { traceId, spanId } = telemetry.find('POST').spanContext();
assert.equal(arrived['traceparent']?.slice(0, 52), `00-${traceId}-${spanId}`);
await telemetry.shutdown();
console.log('the request carries the span that sent it');
