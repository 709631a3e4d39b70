import type { IncomingMessage, ServerResponse } from 'node:http';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { Attributes, Tracer } from '@opentelemetry/api';

/** What anyone would write first for a server: extract, a span until the answer is out, run the rest in it. */
export function handWritten<T>(
  tracer: Tracer,
  req: IncomingMessage,
  res: ServerResponse,
  routeOf: () => string | undefined,
  rest: () => T,
  attributesOf: (req: IncomingMessage) => Attributes = sameAttributes,
): T {
  const method = req.method ?? 'GET';
  const parent = propagation.extract(ROOT_CONTEXT, req.headers);
  const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes: attributesOf(req) }, parent);
  res.once('close', () => {
    const route = routeOf();
    if (route !== undefined) {
      span.setAttribute('http.route', route);
      span.updateName(`${method} ${route}`);
    }
    span.setAttribute('http.response.status_code', res.statusCode);
    if (!res.writableFinished) span.setAttribute('error.type', 'aborted');
    span.end();
  });
  return context.with(trace.setSpan(parent, span), rest);
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

/** Three attributes. */
export function fewAttributes(req: IncomingMessage): Attributes {
  return { 'http.request.method': req.method, 'url.path': req.url, 'url.scheme': 'http' };
}
