import { SpanKind } from '@opentelemetry/api';
import type { Link, SpanContext } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import {
  asTarget,
  carriedContext,
  hopSettings,
  httpHeaders,
  isRestarted,
  metaFields,
  runInbound,
  sameType,
  viewOf,
  warnIfRewrapped,
  warnOnce,
  wrapped,
} from '@throughline/core/adapter';
import type { HopSettings, InboundHop, Received } from '@throughline/core/adapter';
import { ATTR_A2A_METHOD_NAME, ATTR_A2A_PROTOCOL_VERSION } from './conventions.ts';
import { rememberExecution } from './executions.ts';
import { handleLinks, withHandle } from './handle.ts';
import { A2A, checkMethods, isObject, scope } from './options.ts';
import { publishRefusal } from './refusal.ts';
import { isWaiting, merged, newsOf, newsOfMessage, shortText, taskAttributes, taskOutcome } from './task.ts';
import type { TaskNews } from './task.ts';

/** What an `AgentExecutor` of `@a2a-js/sdk` has. */
export interface ExecutorLike {
  execute(requestContext: never, eventBus: never): Promise<unknown>;
  cancelTask(taskId: never, eventBus: never): Promise<unknown>;
}

interface Bus {
  publish(event: unknown): unknown;
}

interface Executing {
  execute(requestContext: unknown, bus: Bus, ...rest: unknown[]): unknown;
  cancelTask(taskId: unknown, bus: Bus, ...rest: unknown[]): unknown;
}

/**
 * Returns an executor of the same type: each request that it executes has a SERVER span, below the span of the HTTP request that brought
 * it, else of the caller that its headers or its metadata name. The span ends when `execute` is done, also where nobody waits for it any
 * more. The executor that is handed in is not changed.
 *
 * Where a task comes to wait for input, its metadata gets a handle, and the span of the request that goes on with it links the one in
 * which it began to wait. A request past a limit of its chain, under `lineage: { mode: 'enforce' }`, is answered with a failed task that
 * says why, and `execute` is not called. Throws a `ThroughlineError` for what is no executor.
 *
 * @example
 * ```ts
 * const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), traceExecutor(new Researcher(), { agent: 'researcher' }));
 * ```
 */
export function traceExecutor<E extends ExecutorLike>(executor: E, options?: HopOptions): E {
  checkMethods(executor, ['execute', 'cancelTask'], 'traceExecutor', 'an `AgentExecutor`');
  const settings = hopSettings(options, scope);
  if (wrapped(executor)) {
    warnIfRewrapped(executor, settings);
    return executor;
  }
  const target = executor as unknown as Executing;
  const running = new Map<unknown, SpanContext>();
  return sameType(
    executor,
    {
      execute: (request: unknown, bus: Bus, ...rest: unknown[]): unknown =>
        isObject(request)
          ? execute(target, request, bus, rest, running, settings)
          : target.execute(request, bus, ...rest),
      cancelTask: (taskId: unknown, bus: Bus, ...rest: unknown[]): unknown =>
        cancel(target, taskId, bus, rest, running.get(taskId), settings),
    },
    settings,
  );
}

function execute(
  target: Executing,
  request: Readonly<Record<string, unknown>>,
  bus: Bus,
  rest: readonly unknown[],
  running: Map<unknown, SpanContext>,
  settings: HopSettings,
): unknown {
  const call = isObject(request['context']) ? request['context'] : undefined;
  const { taskId } = request;
  let news = requestNews(request);
  return runInbound<unknown>(executeHop(request, call, news), settings, {
    async work(received) {
      const { span, context } = received;
      rememberExecution(call, context);
      running.set(taskId, span.spanContext());
      const watched = watching(bus, received, (said) => (news = merged(news, said)));
      try {
        return await target.execute(request, watched, ...rest);
      } finally {
        running.delete(taskId);
      }
    },
    outcome: () => taskOutcome({ ...news, messageId: undefined }),
    refused: async ({ message }) => publishRefusal(bus, request, message),
  });
}

function executeHop(
  request: Readonly<Record<string, unknown>>,
  call: Readonly<Record<string, unknown>> | undefined,
  news: TaskNews,
): InboundHop {
  const headers = headersOf(call);
  const method = isStreaming(headers) ? 'SendStreamingMessage' : 'SendMessage';
  const version = shortText(call?.['requestedVersion']);
  const user = call?.['user'];
  // What a message says of its sender counts where nothing else does.
  const isInHeaders = carriedContext(headers, httpHeaders) !== undefined;
  return {
    transport: A2A,
    name: method,
    kind: SpanKind.SERVER,
    attributes: {
      [ATTR_A2A_METHOD_NAME]: method,
      ...(version !== undefined && { [ATTR_A2A_PROTOCOL_VERSION]: version }),
      ...taskAttributes(news),
    },
    carrier: isInHeaders ? undefined : messageOf(request)?.['metadata'],
    reader: metaFields,
    fallback: { carrier: headers, reader: httpHeaders },
    http: 'payload',
    peer: {
      name: method,
      authenticated: isObject(user) && user['isAuthenticated'] === true ? true : undefined,
      request,
    },
    links: handleLinks(request['task']),
  };
}

function cancel(
  target: Executing,
  taskId: unknown,
  bus: Bus,
  rest: readonly unknown[],
  cancelled: SpanContext | undefined,
  settings: HopSettings,
): unknown {
  const method = 'CancelTask';
  let news = newsOf({ taskId });
  const links: readonly Link[] = cancelled === undefined ? [] : [{ context: cancelled }];
  return runInbound<unknown>(
    {
      transport: A2A,
      name: method,
      kind: SpanKind.SERVER,
      attributes: { [ATTR_A2A_METHOD_NAME]: method, ...taskAttributes(news) },
      // The SDK gives no headers here: the HTTP request that brought it says who asks.
      carrier: undefined,
      reader: httpHeaders,
      http: 'payload',
      peer: { name: method },
      links,
      notice: true,
    },
    settings,
    {
      work: (received) =>
        target.cancelTask(
          taskId,
          watching(bus, received, (said) => (news = merged(news, said))),
          ...rest,
        ),
      outcome: () => taskOutcome(news),
    },
  );
}

/** Returns a view of a bus that tells what is published, and gives the events of a task that waits a handle. */
function watching(bus: Bus, { span, context }: Received, tell: (news: TaskNews) => void): Bus {
  if (!isObject(bus)) return bus;
  const publish = (event: unknown): unknown => {
    const news = newsOf(isObject(event) ? event['data'] : undefined);
    tell(news);
    // Whoever asks can read the handle: where the trace was restarted, it is none of theirs.
    const keeps = isWaiting(news) && !isRestarted(context);
    return bus.publish(keeps ? withHandle(event, span.spanContext()) : event);
  };
  return viewOf(bus, { get: (property) => (property === 'publish' ? publish : asTarget) });
}

function requestNews(request: Readonly<Record<string, unknown>>): TaskNews {
  const { taskId, contextId } = request;
  return merged(newsOfMessage(messageOf(request)), newsOf({ taskId, contextId }));
}

function messageOf({ userMessage }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  return isObject(userMessage) ? userMessage : undefined;
}

/** Returns the headers of a request, or over gRPC its metadata, which the SDK keeps in the state of the call. */
function headersOf(call: Readonly<Record<string, unknown>> | undefined): unknown {
  const state = call?.['state'];
  const headers = state instanceof Map ? (state as Map<unknown, unknown>).get('headers') : undefined;
  if (headers === undefined) {
    warnOnce(
      'a2a-headers',
      "an A2A request came without its headers, so its sender shows only where `traceContext()` runs before the SDK's handler. A `contextBuilder` of yours should keep `headers` in the `state`.",
    );
  }
  return headers;
}

// The SDK does not say which of the two methods it serves. Its clients ask for a stream of events by this header.
function isStreaming(headers: unknown): boolean {
  const accept = httpHeaders.read(headers, 'accept');
  return typeof accept === 'string' && accept.includes('text/event-stream');
}
