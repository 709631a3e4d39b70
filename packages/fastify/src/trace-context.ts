import { context as contextApi, SpanKind } from '@opentelemetry/api';
import {
  answerField,
  nodeHeaders,
  startInbound,
  warnIfRewrapped,
  withHttpRequestSpan,
  wrapBrand,
} from '@throughline/core/adapter';
import type { PeerAccount } from '@throughline/core/adapter';
import {
  ATTR_HTTP_ROUTE,
  bindListeners,
  isIgnored,
  isTold,
  keptOutOf,
  methodName,
  nodeFollower,
  requestAttributes,
  separate,
  serverTimingOf,
  urlRedaction,
} from '@throughline/core/http';
import type { NodeAnswer } from '@throughline/core/http';
import type { Done, FastifyRequestLike, InstanceLike, ReplyLike } from './fastify.ts';
import { contextOfFastifyOtel, isBesideFastifyOtel } from './fastify-otel.ts';
import { calledByHand, fastifySettings } from './options.ts';
import type { FastifyOptions } from './options.ts';
import { keepContext } from './hooks.ts';
import { outcomeOf } from './outcome.ts';
import { refuse } from './refuse.ts';
import { clientAddress, serverRequest } from './request.ts';
import { hopOf, keepHop } from './request-hop.ts';
import type { RequestHop } from './request-hop.ts';

/** A plugin of Fastify 5, for `app.register(plugin, options)`. */
export type TraceContextPlugin = (instance: object, options: FastifyOptions, done: (error?: Error) => void) => void;

/** What says, on an instance and those below it, that the hooks which keep the context are there. */
const installed: unique symbol = Symbol.for('throughline.fastify') as never;

function plugin(instance: object, options: FastifyOptions, done: (error?: Error) => void): void {
  const app = instance as InstanceLike;
  if (typeof app?.addHook !== 'function') throw calledByHand();
  let onRequest: ReturnType<typeof requestHook>;
  try {
    onRequest = requestHook(options);
  } catch (error) {
    return done(error as Error);
  }
  app.addHook('onRequest', onRequest);
  if (!app.hasDecorator(installed)) {
    app.decorate(installed, true);
    keepContext(app);
  }
  done();
}

/**
 * Plugin that continues the caller's trace, under the `inbound` policy, in a SERVER span of the stable HTTP conventions, and runs the
 * hooks and the handler of every route in its scope in that span's context: `await app.register(traceContext, options)`. Register it
 * first. The span ends when the response has been sent, or with `throughline.aborted` when the connection closed before. A
 * request past a limit of its chain, under `lineage: { mode: 'enforce' }`, is answered with 508, or 504 past the deadline, and
 * goes no further. Where instrumentation-http has opened the request's span, that span is used. Registering fails with a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const app = fastify();
 * await app.register(traceContext, { agent: 'planner' });
 * ```
 */
export const traceContext: TraceContextPlugin = /* @__PURE__ */ Object.assign(plugin, {
  // What fastify-plugin sets: the hooks belong to the scope that registers, and not to one of the plugin's own.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@throughline/fastify',
  [Symbol.for('plugin-meta')]: { name: '@throughline/fastify', fastify: '5.x' },
});

function requestHook(options: FastifyOptions): (request: FastifyRequestLike, reply: ReplyLike, next: Done) => void {
  const settings = fastifySettings(options);
  const { ignore, route: routeOption, serverTiming = false } = options;
  const redact = urlRedaction(options.redactQueryKeys);

  return (request, reply, next) => {
    const { raw } = request;
    const first = hopOf(raw);
    if (first !== undefined) {
      warnIfRewrapped({ [wrapBrand]: first.settings.options }, settings);
      return next();
    }
    // Handed on from the server's `upgrade` event: it is a connection now, whose answer never ends.
    if ((raw as { upgrade?: unknown }).upgrade === true) return next();
    if (isIgnored(ignore, request)) return next();

    const method = methodName(raw.method);
    const route = request.routeOptions.url;
    // What the option says is known at the end.
    const known = routeOption === undefined ? route : undefined;
    const attributes = requestAttributes(serverRequest(request), redact);
    if (known !== undefined) attributes[ATTR_HTTP_ROUTE] = known;
    const isBeside = isBesideFastifyOtel(request);
    const arrived = isBeside ? contextOfFastifyOtel(request) : undefined;
    const received = startInbound(
      {
        transport: 'http',
        name: known === undefined ? method : `${method} ${known}`,
        kind: SpanKind.SERVER,
        attributes,
        carrier: raw.headers,
        reader: nodeHeaders,
        http: 'request',
        request: raw,
        peer: settings.asksPeer ? () => peerOf(request, options) : undefined,
        context: arrived,
      },
      settings,
    );
    if (received.refused !== undefined) return refuse(reply, received);

    const keptOut = keptOutOf(received);
    let context = keptOut === undefined ? received.context : separate(received.context, keptOut);
    // So that @fastify/otel, registered after, takes our span for the SERVER span of the request, and makes its own an INTERNAL one.
    if (isBeside && settings.spans && !received.joined) context = withHttpRequestSpan(context, received.span);
    const hop: RequestHop = {
      request,
      response: reply.raw,
      received,
      context,
      options,
      settings,
      method,
      route,
      timing: serverTiming ? serverTimingOf(received, settings) : undefined,
      otel: arrived !== undefined && received.joined ? 'joined' : undefined,
      error: undefined,
      errorType: undefined,
      brokenBy: undefined,
      unheard: false,
      ended: false,
    };
    tellCaller(reply, hop);
    keepHop(hop);
    followAnswer(raw, hop);
    bindListeners(raw, context);
    bindListeners(reply.raw, context);
    contextApi.with(context, next);
  };
}

function peerOf(request: FastifyRequestLike, { route }: FastifyOptions): PeerAccount {
  return {
    name: route?.(request) ?? request.routeOptions.url,
    address: clientAddress(request),
    request,
  };
}

// On Node's own response, so that a reply that is hijacked has them too.
function tellCaller({ raw }: ReplyLike, { received, timing }: RequestHop): void {
  if (raw.headersSent) return;
  if (received.answer !== undefined) raw.setHeader(answerField, received.answer);
  if (timing !== undefined) raw.appendHeader('Server-Timing', timing);
}

const followAnswer = nodeFollower(hopOf, over);

function over(hop: RequestHop, answer: NodeAnswer): void {
  const { received } = hop;
  if (hop.otel === 'told' || !isTold(received)) return received.end();
  const { brokenBy = hop.brokenBy } = answer;
  received.end(outcomeOf(hop, { ...answer, brokenBy }));
}
