import { createServer } from 'node:http';
import { close, urlOf } from './server.ts';

const arrived: unknown[] = [];
const server = createServer((request, response) => {
  arrived.push(request.headers['traceparent']);
  response.end('{}');
}).listen(0, '127.0.0.1');
const url = await urlOf(server);

// #region fetch
import axios from 'axios';
import ky from 'ky';
import { traceFetch } from '@throughline/fetch';

const overKy = ky.create({ fetch: traceFetch() });
const overAxios = axios.create({ adapter: 'fetch', env: { fetch: traceFetch() } });
// #endregion

// #region headers
import { get } from 'node:http';
import got from 'got';
import { injectHeaders } from '@throughline/fetch';

const answer = (): Promise<string> => got(url, { headers: injectHeaders({}, url) }).text();
const raw = (done: () => void) =>
  get(url, { headers: injectHeaders({}, url) }, (response) => response.resume().on('end', done));
// #endregion

import assert from 'node:assert/strict';
import { trace } from '@opentelemetry/api';
import { startTelemetry } from '@throughline/test-telemetry';

const telemetry = startTelemetry();
await trace.getTracer('example').startActiveSpan('turn', async (turn) => {
  await overKy.get(url).json();
  await overAxios.get(url);
  await answer();
  await new Promise<void>((resolve) => raw(resolve));
  turn.end();
});
await close(server);
const turn = telemetry.find('turn').spanContext();
const calls = telemetry.spans().filter((span) => span.name === 'GET');
const senders = [...calls.map((call) => call.spanContext()), turn, turn];
assert.deepEqual(
  arrived,
  senders.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
);
assert.equal(calls.length, 2);
await telemetry.shutdown();
console.log('ky, axios, got and node:http carry the trace');
