// A service whose SDK also runs OpenTelemetry's instrumentations of undici and of http, as its auto-instrumentations do. It
// calls the server with each traced client, and prints the CLIENT spans of each, as JSON.
import type Http from 'node:http';
import { createRequire } from 'node:module';
import { SpanKind, trace } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { startTelemetry } from '@throughline/test-telemetry';
import axios from 'axios';
import got from 'got';
import { traceAgent, traceAxios, traceGot, traceHttp } from '../../src/node.ts';
import { textOf } from '../responses.ts';

const telemetry = startTelemetry();
registerInstrumentations({ instrumentations: [new UndiciInstrumentation(), new HttpInstrumentation()] });
// The instrumentation patches what is required from now on.
const http = createRequire(import.meta.url)('node:http') as typeof Http;

const [origin = ''] = process.argv.slice(2);
const clients: Record<string, (url: string) => Promise<unknown>> = {
  http: (url) => textOf(traceHttp(http).get(url)),
  'got-redirected': (url) => traceGot(got)(`${origin}/redirect?to=${url}`),
  axios: (url) => traceAxios(axios).get(url),
  'axios-redirected': (url) => traceAxios(axios).get(`${origin}/redirect?to=${url}`),
  'axios-fetch': (url) => traceAxios(axios).get(url, { adapter: 'fetch' }),
  got: (url) => traceGot(got)(url),
  // What a listener does is the caller's.
  listener: (url) =>
    new Promise((resolve, reject) => {
      const again = (): unknown => textOf(traceHttp(http).get(url)).then(resolve, reject);
      traceHttp(http).get(`${origin}/first`, (response) => response.resume().on('end', again));
    }),
  'stream-listener': async (url) => {
    const { data } = await traceAxios(axios).get<NodeJS.ReadableStream>(`${origin}/first`, { responseType: 'stream' });
    return new Promise((resolve, reject) => {
      data.on('end', () => textOf(traceHttp(http).get(url)).then(resolve, reject)).resume();
    });
  },
  agent: (url) => textOf(http.get(url, { agent: traceAgent(new http.Agent()) })),
};

const seen: Record<string, { scope: string; spanId: string }[]> = {};
await trace.getTracer('service').startActiveSpan('work', async (work) => {
  for (const [name, call] of Object.entries(clients)) {
    await call(`${origin}/${name}`);
    const spans = telemetry.spans().filter(({ kind }) => kind === SpanKind.CLIENT);
    seen[`/${name}`] = spans.map((span) => ({
      scope: span.instrumentationScope.name,
      spanId: span.spanContext().spanId,
    }));
    await telemetry.reset();
  }
  work.end();
});
console.log(JSON.stringify(seen));
await telemetry.shutdown();
