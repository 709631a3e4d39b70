import type { IncomingMessage, ServerResponse } from 'node:http';
import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { answerField, nodeHeaders, startInbound, warnIfRewrapped, wrapBrand } from '@throughline/core/adapter';
import type { HopSettings, PeerAccount, Received } from '@throughline/core/adapter';
import {
  bindListeners,
  isIgnored,
  isTold,
  keptOutOf,
  methodName,
  nodeFollower,
  requestAttributes,
  routeOf,
  separate,
  serverOutcome,
  serverTimingOf,
  urlRedaction,
} from '@throughline/core/http';
import type { NodeAnswer } from '@throughline/core/http';
import { clientAddress, serverRequest } from './attributes.ts';
import { expressSettings, notCalled } from './options.ts';
import type { ExpressOptions } from './options.ts';
import { hopKey, hopOf } from './request-hop.ts';
import { refuse } from './refuse.ts';
import { isRequest } from './request.ts';
import type { HopHolder, RequestHop } from './request-hop.ts';
import { observeRoute, routePattern } from './route.ts';

/** Middleware of Express 4 and 5, and of anything else that calls `(req, res, next)`. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * Returns middleware that continues the caller's trace, under the `inbound` policy, in a SERVER span of the stable HTTP
 * conventions, and runs what comes after it in that span's context. Put it first. The span ends when the response has been
 * sent, or with `throughline.aborted` when the connection closed before. A request past a limit of its chain, under
 * `lineage: { mode: 'enforce' }`, is answered with 508, or 504 past the deadline, and goes no further. Where instrumentation-http has opened the
 * request's span, that span is used. Throws a `ThroughlineError` for a wrong option, and for a request in
 * their place: `app.use(traceContext)` lacks the call. It is `nothing` that makes that an error of types too.
 *
 * @example
 * ```ts
 * const app = express();
 * app.use(traceContext({ agent: 'planner' }));
 * ```
 */
export function traceContext(options?: ExpressOptions, ...nothing: never[]): Middleware {
  if (nothing.length > 0 || isRequest(options)) throw notCalled('traceContext');
  const settings = expressSettings(options);
  const { ignore, serverTiming = false } = options ?? {};
  const redact = urlRedaction(options?.redactQueryKeys);
  return (req, res, next) => {
    const first = hopOf(req);
    if (first !== undefined) {
      warnIfRewrapped({ [wrapBrand]: first.options }, settings);
      return next();
    }
    if (isIgnored(ignore, req)) return next();
    const method = methodName(req.method);
    const received = startInbound(
      {
        transport: 'http',
        name: method,
        kind: SpanKind.SERVER,
        attributes: requestAttributes(serverRequest(req), redact),
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
    contextApi.with(follow(req, res, received, method, settings), next);
  };
}

function peerOf(req: IncomingMessage, options: ExpressOptions | undefined): PeerAccount {
  return {
    name: options?.route?.(req),
    address: clientAddress(req),
    request: req,
  };
}

function tellCaller(res: ServerResponse, received: Received, settings: HopSettings): void {
  const told = res.headersSent ? undefined : serverTimingOf(received, settings);
  if (told !== undefined) res.appendHeader('Server-Timing', told);
}

/** Keeps the hop with its request and response until the end, and returns the context that the request is handled in. */
function follow(
  req: IncomingMessage,
  res: ServerResponse,
  received: Received,
  method: string,
  settings: HopSettings,
): Context {
  const keptOut = keptOutOf(received);
  const context = keptOut === undefined ? received.context : separate(received.context, keptOut);
  const hop: RequestHop = {
    received,
    response: res,
    context,
    options: settings.options,
    method,
    keptOut,
    route: undefined,
    entry: undefined,
    error: undefined,
    errorType: undefined,
    unheard: false,
    ended: false,
  };
  (req as HopHolder)[hopKey] = hop;
  (res as HopHolder)[hopKey] = hop;
  observeRoute(req, hop);
  followAnswer(req, hop);
  bindListeners(req, context);
  bindListeners(res, context);
  return context;
}

const followAnswer = nodeFollower(hopOf, over);

function over(hop: RequestHop, answer: NodeAnswer): void {
  const { received, response, method } = hop;
  if (!isTold(received)) return received.end();
  const route = routeOf(
    () => (hop.options as ExpressOptions).route?.(response.req),
    () => routePattern(hop, response.req),
  );
  received.end(serverOutcome(received, { ...answer, method, route, errorType: hop.errorType }));
}
