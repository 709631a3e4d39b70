import type * as Http from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { createRequire } from 'node:module';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { traceAgent, traceAxios, traceHttp } from '@throughline/fetch/node';
import type Axios from 'axios';
import { asked, serve } from '../queues/operations.ts';
import type { Asked } from '../queues/operations.ts';
import type { QueueVariant } from '../queues/variant.ts';

/** Whose requests are traced. */
export type ClientTask = 'http' | 'agent' | 'axios';

const AT_ONCE = 20;

const started = asked();
const { variants, task, url: port, telemetry } = started as Asked & { readonly task: ClientTask };
if (variants.includes('peer')) {
  registerInstrumentations({ tracerProvider: telemetry.provider, instrumentations: [new HttpInstrumentation()] });
}
// Loaded by `require` and after the instrumentation, which is how it gets to patch it.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const axios = require('axios') as typeof Axios;

const host = '127.0.0.1';
const path = '/users/42';
const url = `http://${host}:${port}${path}`;
// As in a service: there is a span that the requests are made in.
const around = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
});

await serve(started, (variant) => {
  const ask = task === 'axios' ? axiosClient(variant) : httpClient(variant);
  return (count) => context.with(around, asking, undefined, ask, count);
});

async function asking(ask: () => Promise<unknown>, count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await ask();
    }),
  );
}

type Get = (options: RequestOptions, answered: (response: IncomingMessage) => void) => ClientRequest;

function newAgent(): Http.Agent {
  return new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
}

function httpClient(variant: QueueVariant): () => Promise<void> {
  const isOurs = variant === 'ours';
  const get: Get =
    isOurs && task === 'http' ? traceHttp(http).get : variant === 'hand-written' ? handWrittenGet : http.get;
  const agent = isOurs && task === 'agent' ? traceAgent(newAgent()) : newAgent();
  return () =>
    new Promise((resolve, reject) => {
      get({ host, port, path, agent }, (response) => response.on('end', resolve).resume()).on('error', reject);
    });
}

function axiosClient(variant: QueueVariant): () => Promise<unknown> {
  const bare = axios.create({ baseURL: `http://${host}:${port}`, httpAgent: newAgent(), proxy: false });
  if (variant === 'ours') {
    const traced = traceAxios(bare);
    return () => traced.get(path);
  }
  if (variant !== 'hand-written') return () => bare.get(path);
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
    attributes: { 'http.request.method': 'GET', 'server.address': host, 'server.port': Number(port), 'url.full': url },
  });
}

function headersOf(span: Span): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(trace.setSpan(context.active(), span), headers);
  return headers;
}
