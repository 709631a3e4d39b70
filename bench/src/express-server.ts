import { createRequire } from 'node:module';
import type * as Http from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Tracer } from '@opentelemetry/api';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { ExpressInstrumentation } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { traceContext } from '@throughline/express';
import type Express from 'express';
import type { RequestHandler } from 'express';
import { beSubject } from './subject.ts';
import { startTelemetry } from './telemetry.ts';

/** How the requests of a server are traced. */
export type ExpressVariant = 'bare' | 'ours' | 'http+express' | 'hand-written' | 'minimal';

const variant = process.argv[2] as ExpressVariant;
const telemetry = startTelemetry();

if (variant === 'http+express') {
  registerInstrumentations({
    tracerProvider: telemetry.provider,
    instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()],
  });
}
// Loaded by `require` and after the instrumentations, which is how they get to patch it.
const require = createRequire(import.meta.url);
const http = require('node:http') as typeof Http;
const express = require('express') as typeof Express;

const app = express();
if (variant === 'ours') app.use(traceContext());
if (variant === 'hand-written') app.use(handWritten(telemetry.tracer, sameAttributes));
if (variant === 'minimal') app.use(handWritten(telemetry.tracer, fewAttributes));
app.get('/users/:id', (req, res) => {
  res.json({ id: req.params.id });
});

const server: Server = http.createServer(app as RequestListener);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  beSubject({
    ready: (server.address() as AddressInfo).port,
    run: () => Promise.reject(new Error('requests are sent from outside')),
    spans: telemetry.spans,
  });
});

/** What anyone would write first: extract, a span, run the rest in it. */
function handWritten(tracer: Tracer, attributesOf: (req: IncomingMessage) => Attributes): RequestHandler {
  return (req, res, next) => {
    const parent = propagation.extract(ROOT_CONTEXT, req.headers);
    const span = tracer.startSpan(req.method, { kind: SpanKind.SERVER, attributes: attributesOf(req) }, parent);
    res.once('close', () => {
      const path = (req.route as { path?: string } | undefined)?.path;
      if (path !== undefined) {
        const route = req.baseUrl + path;
        span.setAttribute('http.route', route);
        span.updateName(`${req.method} ${route}`);
      }
      span.setAttribute('http.response.status_code', res.statusCode);
      if (!res.writableFinished) span.setAttribute('error.type', 'aborted');
      span.end();
    });
    context.with(trace.setSpan(parent, span), next);
  };
}

/** The attributes of our span, by the quickest way to them. */
function sameAttributes(req: IncomingMessage): Attributes {
  const { headers, socket } = req;
  const url = req.url ?? '/';
  const query = url.indexOf('?');
  const host = headers.host ?? '';
  const colon = host.lastIndexOf(':');
  const attributes: Attributes = {
    'http.request.method': req.method,
    'url.scheme': 'http',
    'network.protocol.version': req.httpVersion,
    'url.path': query === -1 ? url : url.slice(0, query),
    'server.address': colon === -1 ? host : host.slice(0, colon),
    'server.port': colon === -1 ? 80 : Number(host.slice(colon + 1)),
    'network.peer.address': socket.remoteAddress,
    'network.peer.port': socket.remotePort,
    'client.address': socket.remoteAddress,
    'user_agent.original': headers['user-agent'],
  };
  if (query !== -1) attributes['url.query'] = url.slice(query + 1);
  return attributes;
}

function fewAttributes(req: IncomingMessage): Attributes {
  return { 'http.request.method': req.method, 'url.path': req.url, 'url.scheme': 'http' };
}
