// A service whose SDK also runs OpenTelemetry's instrumentations of undici and of http, as its auto-instrumentations do. It
// calls the server with each client, its own headers from `injectHeaders`, and prints the CLIENT spans of each, as JSON.
import http from 'node:http';
import { createRequire } from 'node:module';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { startTelemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import got from 'got';
import { request } from 'undici';
import { injectHeaders } from '../../src/index.ts';

const telemetry = startTelemetry();
registerInstrumentations({ instrumentations: [new UndiciInstrumentation(), new HttpInstrumentation()] });
// The instrumentation patches what is required from now on.
createRequire(import.meta.url)('node:http');

const [origin = ''] = process.argv.slice(2);
// To whom the headers are addressed; the server on loopback stands for both.
const [ours, theirs] = ['http://planner.internal/', 'https://api.example.com/'];
const accept = { accept: 'text/plain' };

const byHttp = (url: string, headers: http.OutgoingHttpHeaders): Promise<unknown> =>
  new Promise((resolve, reject) => {
    http.get(url, { headers }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
const clients: Record<string, (url: string, target: string) => Promise<unknown>> = {
  fetch: async (url, target) => (await fetch(url, { headers: injectHeaders(accept, target) })).text(),
  'fetch-headers': async (url, target) =>
    (await fetch(url, { headers: injectHeaders(new Headers(accept), target) })).text(),
  'fetch-pairs': async (url, target) =>
    (await fetch(url, { headers: injectHeaders([['accept', 'text/plain']], target) })).text(),
  undici: async (url, target) => (await request(url, { headers: injectHeaders(accept, target) })).body.text(),
  'axios-fetch': (url, target) => axios.get(url, { adapter: 'fetch', headers: injectHeaders(accept, target) }),
  axios: (url, target) => axios.get(url, { adapter: 'http', headers: injectHeaders(accept, target) }),
  got: (url, target) => got(url, { headers: injectHeaders(accept, target) }).text(),
  http: (url, target) => byHttp(url, injectHeaders(accept, target)),
  'http-suppressed': (url, target) => {
    const headers = injectHeaders(accept, target);
    return context.with(suppressTracing(context.active()), () => byHttp(url, headers));
  },
};

const baggage = propagation.createBaggage({ 'user.id': { value: '42' } });
const seen: Record<string, { scope: string; spanId: string }[]> = {};
await context.with(propagation.setBaggage(context.active(), baggage), () =>
  trace.getTracer('service').startActiveSpan('work', async (work) => {
    for (const [name, call] of Object.entries(clients)) {
      for (const [side, target] of Object.entries({ ours, theirs })) {
        const path = `/${name}/${side}`;
        await call(`${origin}${path}`, target);
        const spans = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
        seen[path] = spans.map((span) => ({
          scope: span.instrumentationScope.name,
          spanId: span.spanContext().spanId,
        }));
        await telemetry.reset();
      }
    }
    seen['work'] = [{ scope: 'service', spanId: work.spanContext().spanId }];
    work.end();
  }),
);
console.log(JSON.stringify(seen));
await telemetry.shutdown();
