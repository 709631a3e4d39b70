import type { IncomingMessage, ServerResponse } from 'node:http';
import { context as contextApi, isSpanContextValid, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import {
  answerField,
  formatTraceparent,
  httpRequestSpan,
  nodeHeaders,
  startInbound,
  warnIfRewrapped,
  warnOnce,
  wrapBrand,
} from '@throughline/core/adapter';
import type { HopSettings, PeerAccount, Received } from '@throughline/core/adapter';
import { ATTR_HTTP_RESPONSE_STATUS_CODE, methodName } from '@throughline/core/http';
import { clientAddress, requestAttributes } from './attributes.ts';
import { ATTR_HTTP_ROUTE } from './conventions.ts';
import { bindListeners } from './listeners.ts';
import { expressSettings } from './options.ts';
import type { ExpressOptions } from './options.ts';
import { hopKey, hopOf } from './request-hop.ts';
import { refuse } from './refuse.ts';
import type { HopHolder, RequestHop } from './request-hop.ts';
import { observeRoute, routePattern } from './route.ts';
import { separate } from './separate.ts';

/** Middleware of Express 4 and 5, and of anything else that calls `(req, res, next)`. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * Returns middleware that continues the caller's trace, under the `inbound` policy, in a SERVER span of the stable HTTP
 * conventions, and runs what comes after it in that span's context. Put it first. The span ends when the response has been
 * sent, or with `error.type` `aborted` when the connection closed before. A request past a limit of its chain, under
 * `lineage: { mode: 'enforce' }`, is answered with 508, or 504 past the deadline, and goes no further. Where instrumentation-http has opened the
 * request's span, that span is used. Throws a `ThroughlineError` for options that cannot be meant.
 *
 * @example
 * ```ts
 * const app = express();
 * app.use(traceContext({ agent: 'planner' }));
 * ```
 */
export function traceContext(options?: ExpressOptions): Middleware {
  const settings = expressSettings(options);
  const { ignore, serverTiming = false } = options ?? {};
  return (req, res, next) => {
    const first = hopOf(req);
    if (first !== undefined) {
      warnIfRewrapped({ [wrapBrand]: first.options }, settings);
      return next();
    }
    if (ignore !== undefined && ignore(req)) return next();
    const method = methodName(req.method);
    const received = startInbound(
      {
        transport: 'http',
        name: method,
        kind: SpanKind.SERVER,
        attributes: requestAttributes(req),
        carrier: req.headers,
        reader: nodeHeaders,
        http: 'request',
        request: req,
        peer: settings.asksPeer ? () => peerOf(req, options) : undefined,
      },
      settings,
    );

    if (received.refused !== undefined) return refuse(res, received);
    if (received.answer !== undefined && !res.headersSent) res.setHeader(answerField, received.answer);
    if (serverTiming) tellCaller(res, received, settings);
    const context = contextOf(received);
    follow(req, res, received, context, method, settings);
    contextApi.with(context, next);
  };
}

// The span of instrumentation-http is there and was not joined: the policy restarts the trace.
function contextOf({ context, joined }: Received): Context {
  const theirs = joined ? undefined : httpRequestSpan(context);
  return theirs === undefined ? context : separate(context, theirs.span);
}

function peerOf(req: IncomingMessage, options: ExpressOptions | undefined): PeerAccount {
  return {
    name: options?.route?.(req),
    address: clientAddress(req),
    request: req,
  };
}

function tellCaller(res: ServerResponse, received: Received, settings: HopSettings): void {
  const spanContext = received.span.spanContext();
  if (!settings.spans || res.headersSent || !isSpanContextValid(spanContext)) return;
  res.appendHeader('Server-Timing', `traceparent;desc="${formatTraceparent(spanContext)}"`);
}

function follow(
  req: IncomingMessage,
  res: ServerResponse,
  received: Received,
  context: Context,
  method: string,
  settings: HopSettings,
): void {
  const hop: RequestHop = {
    received,
    context,
    options: settings.options,
    method,
    route: undefined,
    baseUrl: '',
    url: '',
    app: undefined,
    error: undefined,
    errorType: undefined,
    ended: false,
  };
  (req as HopHolder)[hopKey] = hop;
  (res as HopHolder)[hopKey] = hop;
  observeRoute(req, hop);
  // Before the listeners of instrumentation-http, while a span of its own that we joined still records.
  res.prependListener('finish', onFinish);
  res.prependListener('close', onClose);
  bindListeners(req);
  bindListeners(res);
  // The connection closed while earlier middleware waited: `close` has been and will not come again.
  if (res.closed) onClose.call(res);
}

function onFinish(this: ServerResponse): void {
  end(this, false);
}

function onClose(this: ServerResponse): void {
  end(this, !this.writableFinished);
}

function end(res: ServerResponse, aborted: boolean): void {
  const hop = hopOf(res);
  if (hop === undefined || hop.ended) return;
  hop.ended = true;
  const { received } = hop;
  const { span, joined } = received;
  // A joined span that is not sampled has metrics all the same, which want the route.
  if (!span.isRecording() && !joined) return received.end();
  const { statusCode } = res;
  const attributes: Attributes = {};
  // Without headers, the status is what Node starts with, and nobody has seen it.
  if (!aborted || res.headersSent) attributes[ATTR_HTTP_RESPONSE_STATUS_CODE] = statusCode;
  const route = routeOf(hop, res.req);
  if (route !== undefined) {
    attributes[ATTR_HTTP_ROUTE] = route;
    span.updateName(`${hop.method} ${route}`);
    if (joined) {
      // instrumentation-http takes the route from here, for the span's name and for its metrics.
      const theirs = httpRequestSpan(hop.context);
      if (theirs !== undefined) theirs.route = route;
    }
  }
  if (aborted) received.end({ attributes, errorType: hop.errorType ?? 'aborted' });
  // For a server, 4xx is the caller's error.
  else if (statusCode >= 500) received.end({ attributes, errorType: hop.errorType ?? String(statusCode) });
  else received.end({ attributes });
}

function routeOf(hop: RequestHop, req: IncomingMessage): string | undefined {
  try {
    const said = (hop.options as ExpressOptions).route?.(req);
    return typeof said === 'string' ? said : routePattern(hop);
  } catch (error) {
    // Nothing above a listener of `finish` would catch it.
    warnOnce('express-route', `the \`route\` option threw, so the span has no route: ${String(error)}`);
    return undefined;
  }
}
