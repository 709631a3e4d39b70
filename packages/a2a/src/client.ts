import { context as contextApi, SpanKind } from '@opentelemetry/api';
import type { Attributes, Context } from '@opentelemetry/api';
import { bindAsyncIterable } from '@throughline/core';
import { httpHeaders, runOutbound, sameType, warnIfRewrapped, wrapped, writeRecord } from '@throughline/core/adapter';
import type { OutboundHop, Sending } from '@throughline/core/adapter';
import { othersWatchUndici, serverAddress, serverAttributes } from '@throughline/core/http';
import { failureOutcome } from './aborted.ts';
import { agentAddress } from './agent-address.ts';
import { ATTR_A2A_METHOD_NAME, ATTR_A2A_PROTOCOL_BINDING, ATTR_A2A_PROTOCOL_VERSION } from './conventions.ts';
import { A2A, checkMethods, clientSettings, isObject } from './options.ts';
import type { A2aClientOptions, ClientSettings } from './options.ts';
import { tracedStream } from './stream.ts';
import { newsOf, newsOfMessage, taskAttributes, taskOutcome } from './task.ts';
import type { TaskNews } from './task.ts';

/** What `Client` of `@a2a-js/sdk` has. */
export interface A2aClientLike {
  sendMessage(params: never, options?: never): Promise<unknown>;
  sendMessageStream(params: never, options?: never): AsyncGenerator<unknown, unknown, undefined>;
}

type Method = (...args: unknown[]) => unknown;

// The methods of the client, by their names in the protocol.
const CALLS: Readonly<Record<string, string>> = {
  sendMessage: 'SendMessage',
  getTask: 'GetTask',
  cancelTask: 'CancelTask',
  listTasks: 'ListTasks',
  createTaskPushNotificationConfig: 'CreateTaskPushNotificationConfig',
  getTaskPushNotificationConfig: 'GetTaskPushNotificationConfig',
  listTaskPushNotificationConfig: 'ListTaskPushNotificationConfigs',
  deleteTaskPushNotificationConfig: 'DeleteTaskPushNotificationConfig',
};
const STREAMS: Readonly<Record<string, string>> = {
  sendMessageStream: 'SendStreamingMessage',
  resubscribeTask: 'SubscribeToTask',
};
const CARD = 'getAgentCard';

/**
 * Returns a client of the same type. Each call has a CLIENT span, named after the method of the protocol, and its request carries the
 * trace context: as HTTP headers, over gRPC as metadata. The span of a stream ends when the stream does, and the stream runs in the
 * context in which it was asked for, whoever reads it. The client that is handed in is not changed, and the agent card neither.
 *
 * Throws a `ThroughlineError` for what is no client. A call past a limit of its chain, under `lineage: { mode: 'enforce' }`, throws a
 * `LineageError`.
 *
 * @example
 * ```ts
 * const client = traceA2aClient(await new ClientFactory().createFromUrl(url), { agent: 'planner' });
 * ```
 */
export function traceA2aClient<C extends A2aClientLike>(client: C, options?: A2aClientOptions): C {
  checkMethods(client, ['sendMessage', 'sendMessageStream'], 'traceA2aClient', 'a `Client`');
  const settings = clientSettings(options);
  if (wrapped(client)) {
    warnIfRewrapped(client, settings.hop);
    return client;
  }
  const calls = new Calls(client, settings);
  const loose = client as unknown as Readonly<Record<string, unknown>>;
  const members: Record<string, Method> = {};
  for (const name of [...Object.keys(CALLS), CARD]) {
    if (typeof loose[name] === 'function') members[name] = (...args) => calls.call(name, args);
  }
  for (const name of Object.keys(STREAMS)) {
    if (typeof loose[name] === 'function') members[name] = (...args) => calls.stream(name, args);
  }
  return sameType(client, members, settings.hop);
}

/** The calls of one client. */
class Calls {
  readonly #client: Readonly<Record<string, Method>>;
  readonly #settings: ClientSettings;
  readonly #host: string | undefined;
  readonly #attributes: Attributes;

  constructor(client: object, settings: ClientSettings) {
    this.#client = client as Readonly<Record<string, Method>>;
    this.#settings = settings;
    const address = agentAddress(client);
    this.#host = address === undefined ? undefined : serverAddress(address.hostname);
    this.#attributes = { ...(address && serverAttributes(address)), ...protocolAttributes(client) };
  }

  call(name: string, args: unknown[]): unknown {
    // Of the card there may be no request at all: one that there is carries the context of the caller.
    const isCard = name === CARD;
    const place = isCard ? 0 : 1;
    const asked = requestNews(args[0]);
    const hop = this.#hop(CALLS[name] ?? 'GetExtendedAgentCard', asked, args[place], !isCard);
    return runOutbound(hop, this.#settings.hop, {
      call: (sending) => contextApi.with(this.#inside(sending), () => this.#send(name, args, place, sending)),
      outcome: (result) => (isCard ? undefined : taskOutcome(newsOf(result))),
      failure: (error) => failureOutcome(args[place], error),
    });
  }

  stream(name: string, args: unknown[]): unknown {
    const hop = this.#hop(STREAMS[name] as string, requestNews(args[0]), args[1], true);
    return tracedStream(hop, this.#settings.hop, {
      open: (sending) => {
        const context = this.#inside(sending);
        const stream = contextApi.with(context, () => this.#send(name, args, 1, sending)) as AsyncIterable<unknown>;
        return bindAsyncIterable(stream, context);
      },
      failure: (error) => failureOutcome(args[1], error),
    });
  }

  #hop(method: string, asked: TaskNews, options: unknown, hasSpan: boolean): OutboundHop {
    return {
      transport: A2A,
      name: method,
      kind: SpanKind.CLIENT,
      attributes: { [ATTR_A2A_METHOD_NAME]: method, ...this.#attributes, ...taskAttributes(asked) },
      target: { transport: A2A, channel: 'host', host: this.#host, name: method },
      carrier: isObject(options) ? options['serviceParameters'] : undefined,
      reader: httpHeaders,
      span: hasSpan,
      // What cancels is refused by no limit.
      ...(method === 'CancelTask' && { messages: 0 }),
    };
  }

  #send(name: string, args: readonly unknown[], place: number, sending: Sending): unknown {
    const copy = [...args];
    copy[place] = withFields(args[place], sending);
    return this.#client[name]?.(...copy);
  }

  // An instrumentation of Node's fetch adds its headers to those that are there.
  #inside(sending: Sending): Context {
    return (this.#settings.suppressInner ?? othersWatchUndici()) ? sending.inner : sending.wire;
  }
}

function withFields(options: unknown, sending: Sending): unknown {
  if (options !== undefined && options !== null && !isObject(options)) return options;
  const { serviceParameters, signal } = options ?? {};
  const given = isObject(serviceParameters) ? serviceParameters : undefined;
  const copy = { ...options, serviceParameters: writeRecord(given, sending, 'http') };
  return sending.signal === undefined ? copy : { ...copy, signal: either(signal, sending.signal) };
}

function either(signal: unknown, deadline: AbortSignal): AbortSignal {
  return signal instanceof AbortSignal ? AbortSignal.any([signal, deadline]) : deadline;
}

function protocolAttributes(client: object): Attributes {
  const { transport } = client as { transport?: unknown };
  if (!isObject(transport)) return {};
  const { protocolName, protocolVersion } = transport;
  return {
    ...(typeof protocolName === 'string' && { [ATTR_A2A_PROTOCOL_BINDING]: protocolName }),
    ...(typeof protocolVersion === 'string' && { [ATTR_A2A_PROTOCOL_VERSION]: protocolVersion }),
  };
}

/** What a request says of its task: its message does, or its id. */
function requestNews(params: unknown): TaskNews {
  if (!isObject(params)) return {};
  return isObject(params['message']) ? newsOfMessage(params['message']) : newsOf(params);
}
