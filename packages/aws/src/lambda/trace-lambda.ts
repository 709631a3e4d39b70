import { SpanKind } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import {
  answerField,
  httpHeaders,
  markWrapped,
  messageHeaders,
  runInbound,
  textOf,
  warnIfRewrapped,
  warnOnce,
  wrapped,
} from '@throughline/core/adapter';
import type { InboundHop, InboundRun, Outcome, PeerAccount, Received } from '@throughline/core/adapter';
import type { Receiver } from '@throughline/core/messaging';
import { ATTR_HTTP_ROUTE, methodName, refuseRequest, requestAttributes, serverOutcome } from '@throughline/core/http';
import { withXray } from '../message.ts';
import { xrayTraceparent } from '../xray.ts';
import { refusalAnswer, statusOf, withHeader } from './answer.ts';
import { eventKind } from './event.ts';
import type { EventKind, Loose } from './event.ts';
import { invocationOf } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import { lambdaSettings } from './options.ts';
import type { LambdaOptions, LambdaRecord, LambdaSettings } from './options.ts';
import { runRecords } from './records.ts';
import { requestOf } from './request.ts';
import type { Request } from './request.ts';
import { isResponseStream, streamEnd, streamRefusal } from './stream.ts';
import type { ResponseStream } from './stream.ts';

/** A handler of Lambda: `(event, context)`, `(event, context, callback)`, or `(event, responseStream, context)`. */
export type LambdaHandler = (...args: never[]) => unknown;

/**
 * Returns a handler of the same type that runs in the trace of what invoked it. HTTP requests have a SERVER span of the stable HTTP
 * conventions; records of SQS and SNS and events of EventBridge a CONSUMER span `process {source}`; any other invocation a SERVER span
 * with the function's name. Before it answers, ended spans are exported. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * export const handler = traceLambda(async (event: SQSEvent) => {
 *   for (const record of event.Records) await runWith(record, () => analyse(record));
 * });
 * ```
 */
export function traceLambda<H extends LambdaHandler>(handler: H, options?: LambdaOptions): H {
  const settings = lambdaSettings(options);
  if (typeof handler !== 'function') {
    throw new ThroughlineError('ERR_THROUGHLINE_ARGUMENT', '`traceLambda` takes the handler of a Lambda function.');
  }
  if (wrapped(handler)) {
    warnIfRewrapped(handler, settings.hop);
    return handler;
  }
  const target = handler as unknown as Handler;
  // Lambda looks at how many parameters a handler has: from Node 24 on it takes none with a callback.
  const wrapper =
    target.length >= 3
      ? function (this: unknown, event: unknown, context: unknown, callback: unknown, ...rest: unknown[]): unknown {
          return invoke(this, [event, context, callback, ...rest], target, settings);
        }
      : function (this: unknown, ...args: unknown[]): unknown {
          return invoke(this, args, target, settings);
        };
  // `streamifyResponse` marks a handler by a member of its own.
  for (const key of Reflect.ownKeys(target)) {
    if (Object.hasOwn(wrapper, key)) continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(target, key) as PropertyDescriptor);
  }
  return markWrapped(wrapper, settings.hop) as unknown as H;
}

type Handler = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result?: unknown) => unknown;

function invoke(self: unknown, args: unknown[], handler: Handler, settings: LambdaSettings): unknown {
  const [event, second, third] = args;
  const call = (changed: unknown, ...rest: unknown[]): unknown => Reflect.apply(handler, self, [changed, ...rest]);
  if (isIgnored(event, settings)) return call(...(args as [unknown, ...unknown[]]));
  if (isResponseStream(second)) return invokeStreaming(event, second, args, call, settings);
  if (handler.length >= 3 && typeof third === 'function') {
    return invokeCallback(event, args, third as Callback, call, settings);
  }
  const { result, flushed } = run(event, second, (changed) => call(changed, ...args.slice(1)), settings);
  return isThenable(result) ? answered(result, flushed) : (void flushed(), result);
}

// A handler of this form answers by its callback; an async one may also answer by its promise.
function invokeCallback(
  event: unknown,
  args: unknown[],
  callback: Callback,
  call: Handler,
  settings: LambdaSettings,
): unknown {
  let returned: { readonly value: unknown } | undefined;
  const { result, flushed } = run(
    event,
    args[1],
    (changed) =>
      new Promise((resolve, reject) => {
        const own: Callback = (error, value) => {
          if (error === undefined || error === null) resolve(value);
          else reject(error);
        };
        const value = call(changed, args[1], own, ...args.slice(3));
        returned = { value };
        if (isThenable(value)) value.then(resolve, reject);
      }),
    settings,
  );
  const answer = answered(result as PromiseLike<unknown>, flushed);
  // Not called at all, refused or failed at once, or a promise: Lambda waits for one.
  if (returned === undefined || isThenable(returned.value)) return answer;
  answer.then(
    (value) => callback(null, value),
    (error: unknown) => callback(error),
  );
  return returned.value;
}

function invokeStreaming(
  event: unknown,
  stream: ResponseStream,
  args: unknown[],
  call: Handler,
  settings: LambdaSettings,
): unknown {
  const ended = streamEnd(stream);
  // What a handler that failed leaves of it is nobody's.
  ended.catch(() => {});
  const { result, flushed } = run(
    event,
    args[2],
    async (changed) => {
      const value = await call(changed, ...args.slice(1));
      await ended;
      return value;
    },
    settings,
    stream,
  );
  return answered(result as PromiseLike<unknown>, flushed);
}

async function answered(result: PromiseLike<unknown>, flushed: () => Promise<void>): Promise<unknown> {
  try {
    return await result;
  } finally {
    await flushed();
  }
}

interface Run {
  readonly result: unknown;
  /** Exports what has ended. */
  flushed(): Promise<void>;
}

// What is kept for the end of an invocation, and for an answer on its way. Milliseconds.
const RESERVE = 500;
const MARGIN = 100;

function run(
  event: unknown,
  context: unknown,
  call: (event: unknown) => unknown,
  settings: LambdaSettings,
  stream?: ResponseStream,
): Run {
  const kind = eventKind(event);
  const invocation = invocationOf(context, kind);
  const left = invocation.remaining();
  const flush = (): Promise<void> => settings.flush(Math.min(settings.flushTimeout, invocation.remaining() - MARGIN));
  // A function that is out of time is killed: its span ends before, and goes out.
  const timeout = left === Infinity ? undefined : Math.max(left - RESERVE, 1);
  const gaveUp = (): void => void flush();
  try {
    const result = runHop({ event: event as Loose, kind, invocation, timeout, gaveUp, call, stream }, settings);
    return { result, flushed: flush };
  } catch (error) {
    void flush();
    throw error;
  }
}

interface Work {
  readonly event: Loose;
  readonly kind: EventKind;
  readonly invocation: Invocation;
  readonly timeout: number | undefined;
  readonly gaveUp: () => void;
  readonly stream: ResponseStream | undefined;
  call(event: unknown): unknown;
}

function runHop(work: Work, settings: LambdaSettings): unknown {
  const { event, kind, invocation, timeout, gaveUp, call } = work;
  const { attributes } = invocation;
  switch (kind) {
    case 'api-gateway':
    case 'http-api':
    case 'alb':
    case 'websocket':
    case 'authorizer':
      return runRequest(work, settings);
    case 'sqs': {
      const records = event['Records'] as LambdaRecord[];
      const reports = settings.batchItemFailures;
      return runRecords(
        { event, records, receiver: settings.sqs, attributes, timeout, gaveUp, call, reports },
        settings,
      );
    }
    case 'sns': {
      const records = event['Records'] as LambdaRecord[];
      const receiver = ofInvocation(settings.sns, settings);
      return runRecords({ event, records, receiver, attributes, timeout, gaveUp, call, reports: false }, settings);
    }
    case 'eventbridge': {
      const receiver = ofInvocation(settings.events, settings);
      const records = [event as LambdaRecord];
      return runRecords({ event, records, receiver, attributes, timeout, gaveUp, call, reports: false }, settings);
    }
    default:
      return runInvocation(work, settings);
  }
}

/** Returns a receiver for which the X-Ray context of the invocation counts, where a record has no other. */
function ofInvocation(receiver: Receiver<LambdaRecord>, { xray }: LambdaSettings): Receiver<LambdaRecord> {
  if (!xray) return receiver;
  return {
    ...receiver,
    messageOf(record) {
      const message = receiver.messageOf(record);
      if (message !== undefined) withXray(message.headers as Record<string, unknown>, xrayOfInvocation());
      return message;
    },
  };
}

/** A direct invocation, or one by a service whose events carry no fields. */
function runInvocation({ event, invocation, timeout, gaveUp, call }: Work, settings: LambdaSettings): unknown {
  const hop: InboundHop = {
    transport: 'lambda',
    name: invocation.name,
    kind: SpanKind.SERVER,
    attributes: invocation.attributes,
    carrier: invocation.custom,
    reader: messageHeaders,
    fallback: fallback(undefined, settings),
    channel: 'process',
    peer: { name: invocation.name, request: event },
  };
  return runInbound(hop, settings.hop, { work: () => call(event), timeout, gaveUp });
}

function runRequest(work: Work, settings: LambdaSettings): unknown {
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
    fallback: fallback(request.headers, settings),
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

function isIgnored(event: unknown, { options }: LambdaSettings): boolean {
  try {
    return (options.ignore as ((event: unknown) => unknown) | undefined)?.(event) === true;
  } catch (error) {
    warnOnce('lambda-ignore', `the \`ignore\` option threw, so the invocation is traced: ${textOf(error)}`);
    return false;
  }
}

/** Returns X-Ray's context as a second carrier, where it counts. */
function fallback(headers: unknown, { xray }: LambdaSettings): InboundHop['fallback'] {
  if (!xray) return undefined;
  const header = httpHeaders.read(headers, 'x-amzn-trace-id');
  const traceparent =
    xrayTraceparent(Array.isArray(header) ? header[0] : header) ?? xrayTraceparent(xrayOfInvocation());
  return traceparent === undefined ? undefined : { carrier: { traceparent }, reader: httpHeaders };
}

// Set anew for each invocation. https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
function xrayOfInvocation(): unknown {
  return globalThis.process?.env['_X_AMZN_TRACE_ID'];
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
