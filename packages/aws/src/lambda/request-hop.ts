import { SpanKind } from '@opentelemetry/api';
import { answerField, httpHeaders, runInbound, textOf, warnOnce } from '@throughline/core/adapter';
import type { InboundHop, InboundRun, Outcome, PeerAccount, Received } from '@throughline/core/adapter';
import { ATTR_HTTP_ROUTE, methodName, refuseRequest, requestAttributes, serverOutcome } from '@throughline/core/http';
import { refusalAnswer, statusOf, withHeader } from './answer.ts';
import type { Loose } from './event.ts';
import type { LambdaSettings } from './options.ts';
import { requestOf } from './request.ts';
import type { Request } from './request.ts';
import { streamEnd, streamRefusal } from './stream.ts';
import { isThenable } from './thenable.ts';
import type { Work } from './work.ts';
import { xrayFallback } from './xray-fallback.ts';

/** An HTTP request, a message on a WebSocket, or the question of an authorizer. */
export function runRequest(work: Work, settings: LambdaSettings): unknown {
  const { event, kind, invocation, timeout, gaveUp, call, stream } = work;
  const request = requestOf(event, kind);
  const route = routeOf(event, request, settings);
  const method = methodName(request.method);
  const isAuthorizer = kind === 'authorizer';
  const name = isAuthorizer
    ? invocation.name
    : request.server === undefined
      ? (route ?? 'WebSocket')
      : route === undefined
        ? method
        : `${method} ${route}`;
  const attributes =
    request.server === undefined || isAuthorizer ? {} : requestAttributes(request.server, settings.redact);
  if (route !== undefined) attributes[ATTR_HTTP_ROUTE] = route;
  Object.assign(attributes, invocation.attributes);
  const hop: InboundHop = {
    transport: 'http',
    name,
    kind: SpanKind.SERVER,
    attributes,
    carrier: request.headers,
    reader: httpHeaders,
    fallback: xrayFallback(request.headers, settings),
    http: 'request',
    request: event,
    peer: (): PeerAccount => ({ name: route, address: request.address, request: event }),
    // An authorizer says who may ask, whose trace that is does not matter to it; what it lets in meets the limits.
    notice: isAuthorizer,
  };
  let answer: string | undefined;
  const life: InboundRun<unknown> = {
    timeout,
    gaveUp,
    work(received) {
      if (!isAuthorizer) ({ answer } = received);
      return call(event);
    },
    outcome(result, received: Received): Outcome | undefined {
      if (isAuthorizer || stream !== undefined) return undefined;
      return serverOutcome(received, {
        method,
        route: request.server === undefined ? undefined : route,
        status: statusOf(result),
        aborted: false,
      });
    },
    refused(refused) {
      const refusal = refuseRequest(refused);
      if (stream === undefined) return Promise.resolve(refusalAnswer(refusal, request));
      streamRefusal(stream, refusal);
      return streamEnd(stream);
    },
  };
  const result = runInbound<unknown>(hop, settings.hop, life);
  if (answer === undefined || stream !== undefined) return result;
  const value = answer;
  const told = (plain: unknown): unknown => withHeader(plain, answerField, value, request);
  return isThenable(result) ? result.then(told) : told(result);
}

function routeOf(event: Loose, request: Request, { options }: LambdaSettings): string | undefined {
  try {
    const said = (options.route as ((event: unknown) => unknown) | undefined)?.(event);
    return typeof said === 'string' ? said : request.route;
  } catch (error) {
    warnOnce('lambda-route', `the \`route\` option threw, so the span has the route of the event: ${textOf(error)}`);
    return request.route;
  }
}
