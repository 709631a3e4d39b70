import { readFileSync } from 'node:fs';
import http from 'node:http';
import { context, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import got from 'got';
import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { injectHeaders, traceFetch } from '@throughline/fetch';
import { traceAxios, traceGot, traceHttp } from '@throughline/fetch/node';
import { traceInterceptor } from '@throughline/fetch/undici';
import { sent, startEchoServer } from './echo-server.ts';
import type { EchoServer } from './echo-server.ts';
import { textOf } from './responses.ts';

let telemetry: Telemetry;
let server: EchoServer;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = await startEchoServer();
});
afterEach(() => telemetry.reset());
afterAll(async () => {
  await dispatcher.close();
  await server.close();
  await telemetry.shutdown();
});

const body = JSON.stringify({ question: 'why' });

// #region fetch
const tracedFetch = traceFetch(fetch, { agent: 'gateway' });

async function plan(planner: string): Promise<unknown> {
  const response = await tracedFetch(`${planner}/plan`, { method: 'POST', body });
  return response.json();
}
// #endregion

// #region undici
const dispatcher = new Agent().compose(traceInterceptor({ agent: 'gateway' }));

async function planByUndici(planner: string): Promise<unknown> {
  const response = await request(`${planner}/plan`, { method: 'POST', body, dispatcher });
  return response.body.json();
}
// #endregion

// #region node
const tracedHttp = traceHttp(http, { agent: 'gateway' });
const tracedAxios = traceAxios(axios.create(), { agent: 'gateway' });
const tracedGot = traceGot(got, { agent: 'gateway' });

const byHttp = (planner: string) => tracedHttp.request(`${planner}/plan`, { method: 'POST' }).end(body);
const byAxios = (planner: string) => tracedAxios.post(`${planner}/plan`, body);
const byGot = (planner: string) => tracedGot.post(`${planner}/plan`, { body }).json();
// #endregion

// #region inject
function planHeaders(planner: string): Record<string, string> {
  return injectHeaders({ accept: 'application/json' }, planner);
}
// #endregion

// #region suppressed
function planSuppressed(planner: string): Promise<Response> {
  const headers = injectHeaders({}, planner);
  return context.with(suppressTracing(context.active()), () => fetch(planner, { headers }));
}
// #endregion

test.each([
  ['fetch', plan],
  ['undici', planByUndici],
  ['http', async (planner: string) => textOf(byHttp(planner))],
  ['axios', byAxios],
  ['got', byGot],
])('the README calls %s in a span that the server is told of', async (_, call) => {
  await call(server.origin);
  const span = telemetry.find('POST');
  expect(span.attributes['throughline.agent.name']).toBe('gateway');
  const { traceId, spanId } = span.spanContext();
  expect(sent(server.seen.at(-1)!, 'traceparent').map((value) => value.slice(0, 52))).toEqual([
    `00-${traceId}-${spanId}`,
  ]);
});

test('the README injects the active span', () => {
  trace.getTracer('test').startActiveSpan('work', (span) => {
    expect(planHeaders(server.origin)['traceparent']).toContain(span.spanContext().spanId);
    span.end();
  });
});

test('the README calls under suppressed tracing with what it injected', async () => {
  await trace.getTracer('test').startActiveSpan('work', async (span) => {
    await planSuppressed(server.origin);
    span.end();
    expect(sent(server.seen.at(-1)!, 'traceparent')).toEqual([expect.stringContaining(span.spanContext().spanId)]);
  });
});

test('the README shows that code', () => {
  const here = readFileSync(import.meta.filename, 'utf8');
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const regions = Array.from(here.matchAll(/^\/\/ #region \w+\n([^]*?)^\/\/ #endregion$/gm), ([, code]) => code ?? '');
  expect(regions).toHaveLength(5);
  for (const region of regions) expect(readme).toContain(region);
});
