import type * as Http from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { createRequire } from 'node:module';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { traceAgent, traceAxios, traceHttp } from '@throughline/fetch/node';
import type Axios from 'axios';
import { beSubject } from '../subject.ts';
import { startTelemetry } from '../telemetry.ts';

/** What asks, and how its requests are traced. */
export type ClientVariant =
  | 'bare http'
  | 'http, traceHttp'
  | 'http, traceAgent'
  | 'http, instrumentation-http'
  | 'http, hand-written'
  | 'bare axios'
  | 'axios, traceAxios'
  | 'axios, instrumentation-http'
  | 'axios, hand-written';

const variant = process.argv[2] as ClientVariant;
const port = Number(process.argv[3]);
const atOnce = Number(process.argv[4]);
const telemetry = startTelemetry();

if (variant.endsWith('instrumentation-http')) {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new HttpInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const axios = require('axios') as typeof Axios;

const host = '127.0.0.1';
const path = '/users/42';
const url = `http://${host}:${port}${path}`;
const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
const ask = variant.includes('axios') ? axiosClient() : httpClient();
// As in a service: there is a span that the requests are made in.
const around = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
});

beSubject({
  run: (count) => context.with(around, asking, undefined, count),
  spans: telemetry.spans,
});

async function asking(count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await ask();
    }),
  );
}

type Get = (options: RequestOptions, answered: (response: IncomingMessage) => void) => ClientRequest;

function httpClient(): () => Promise<void> {
  const get: Get =
    variant === 'http, traceHttp' ? traceHttp(http).get : variant === 'http, hand-written' ? handWrittenGet : http.get;
  const used = variant === 'http, traceAgent' ? traceAgent(agent) : agent;
  return () =>
    new Promise((resolve, reject) => {
      get({ host, port, path, agent: used }, (response) => response.on('end', resolve).resume()).on('error', reject);
    });
}

function axiosClient(): () => Promise<unknown> {
  const bare = axios.create({ baseURL: `http://${host}:${port}`, httpAgent: agent, proxy: false });
  if (variant === 'axios, traceAxios') {
    const traced = traceAxios(bare);
    return () => traced.get(path);
  }
  if (variant !== 'axios, hand-written') return () => bare.get(path);
  return async () => {
    const span = startSpan();
    try {
      const response = await bare.get(path, { headers: headersOf(span) });
      span.setAttribute('http.response.status_code', response.status);
      return response;
    } catch (error) {
      span.recordException(error as Error);
      throw error;
    } finally {
      span.end();
    }
  };
}

function handWrittenGet(options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest {
  const span = startSpan();
  const request = http.get({ ...options, headers: headersOf(span) }, (response) => {
    span.setAttribute('http.response.status_code', response.statusCode ?? 0);
    span.end();
    answered(response);
  });
  return request.on('error', (error) => {
    span.recordException(error);
    span.end();
  });
}

/** Starts the span of ours, by the quickest way to it. */
function startSpan(): Span {
  return telemetry.tracer.startSpan('GET', {
    kind: SpanKind.CLIENT,
    attributes: { 'http.request.method': 'GET', 'server.address': host, 'server.port': port, 'url.full': url },
  });
}

function headersOf(span: Span): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(trace.setSpan(context.active(), span), headers);
  return headers;
}
