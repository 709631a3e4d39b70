import { sameType, warnIfRewrapped, whenSettled, wrapped } from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import { refusalOf } from '@throughline/core/messaging';
import type { ReceivedMessage } from '@throughline/core/messaging';
import { headers as newHeaders } from '@nats-io/nats-core';
import { answering } from './answer.ts';
import { arrive, refuse } from './arrival.ts';
import type { Reception } from './arrival.ts';
import { SERVICE_ERROR, SERVICE_ERROR_CODE } from './conventions.ts';
import { mapOf, withHeaders } from './headers.ts';
import type { HeadersLike, MessageLike } from './message.ts';
import { requestView } from './message-view.ts';
import { tracedMessages } from './messages.ts';
import { argumentError, connectionOptions, natsSettings } from './options.ts';
import type { NatsOptions, Settings } from './options.ts';
import { ending, outgoingOf } from './outgoing.ts';
import type { ServerInfoLike } from './payload-room.ts';
import { requestAll, requestOne } from './request.ts';
import { INBOX_TEMPLATE, isInbox, isReserved, processStarts } from './subjects.ts';

/** The part of a `NatsConnection` that is wrapped. */
export interface ConnectionLike {
  publish(...args: never[]): void;
  subscribe(...args: never[]): object;
}

/**
 * Returns a connection of the same type. What it publishes and requests opens a PRODUCER span and carries its context; what it receives,
 * by callback or by `for await`, is handled in a CONSUMER span `process {subject}`, a child of the span that sent it, and in its
 * context. The connection that is given, and everything that is sent through the new one, stay as they are. Throws a
 * `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const connection = traceNats(await connect());
 * for await (const message of connection.subscribe('orders')) await handle(message);
 * ```
 */
export function traceNats<C extends ConnectionLike>(connection: C, options?: NatsOptions): C {
  const settings = natsSettings(options, connectionOptions, inboxPrefixOf(connection));
  const target = connection as unknown as Loose;
  if (typeof connection !== 'object' || connection === null || typeof target.publish !== 'function') {
    throw argumentError('`traceNats` takes a connection, such as `await connect()` of @nats-io/transport-node.');
  }
  if (wrapped(connection)) {
    warnIfRewrapped(connection, settings.hop);
    return connection;
  }
  abandonAtEnd(target, settings);
  const traced = membersOf(target, settings);
  const members: Record<string, Method> = {};
  for (const name of Object.keys(traced) as (keyof typeof traced)[]) {
    if (typeof target[name] === 'function') members[name] = traced[name];
  }
  return sameType(connection, members, settings.hop);
}

type Method = (...args: unknown[]) => unknown;
type Name = 'publish' | 'publishMessage' | 'respondMessage' | 'request' | 'requestMany' | 'subscribe';
type Loose = Record<Name, Method> & { readonly info?: ServerInfoLike | undefined; closed?(): unknown };

// The client keeps it by this name; its types do not say so.
function inboxPrefixOf(connection: unknown): string | undefined {
  try {
    const prefix = (connection as { options?: { inboxPrefix?: unknown } } | undefined)?.options?.inboxPrefix;
    return typeof prefix === 'string' && prefix !== '' ? prefix : undefined;
  } catch {
    return undefined;
  }
}

/** Ends what is open when the connection is closed, by whomever: nobody reads on, and no answer comes. */
export function abandonAtEnd(connection: { closed?(): unknown } | undefined, { receiver }: Settings): void {
  try {
    const abandon = (): void => receiver.open.abandon();
    (connection?.closed?.() as PromiseLike<unknown> | undefined)?.then?.(abandon, abandon);
  } catch {
    // A connection that cannot say when it ends.
  }
}

function membersOf(target: Loose, settings: Settings): Record<Name, Method> {
  const { hop, sender, requester, subjects } = settings;
  const info = (): ServerInfoLike | undefined => target.info;
  // What the client itself is to report, and what is the server's own.
  const passes = (subject: unknown): subject is undefined =>
    typeof subject !== 'string' || subject === '' || isReserved(subject);

  const send = (subject: unknown, payload: unknown, options: unknown, call: (options: unknown) => unknown): unknown => {
    if (passes(subject)) return call(options);
    if (isInbox(subject, subjects.inboxPrefix)) return call(answering(options, payload, hop, info()));
    const { argument, outgoing } = outgoingOf(subject as string, payload, options, sender, info());
    const refusal = refusalOf(outgoing);
    if (refusal !== undefined) throw refusal;
    return whenSettled(() => call(argument), ending(outgoing));
  };

  return {
    publish: (subject, payload, options, ...rest) =>
      send(subject, payload, options, (written) => target.publish(subject, payload, written, ...rest)),
    publishMessage: (message, ...rest) => {
      const { subject, data } = (message ?? {}) as Partial<MessageLike>;
      return send(subject, data, message, (written) => target.publishMessage(written, ...rest));
    },
    respondMessage: (message, ...rest) => {
      const data = (message as Partial<MessageLike> | null | undefined)?.data;
      return target.respondMessage(answering(message, data, hop, info()), ...rest);
    },
    request: (subject, payload, options, ...rest) => {
      if (passes(subject)) return target.request(subject, payload, options, ...rest);
      const { argument, outgoing } = outgoingOf(subject as string, payload, options, requester, info());
      return requestOne(outgoing, () => target.request(subject, payload, argument, ...rest));
    },
    requestMany: (subject, payload, options, ...rest) => {
      if (passes(subject)) return target.requestMany(subject, payload, options, ...rest);
      const { argument, outgoing } = outgoingOf(subject as string, payload, options, requester, info());
      return requestAll(outgoing, () => target.requestMany(subject, payload, argument, ...rest));
    },
    subscribe: (subject, options, ...rest) => {
      if (passes(subject)) return target.subscribe(subject, options, ...rest);
      const { callback, queue } = (options ?? {}) as { callback?: unknown; queue?: unknown };
      const reception = receptionOf(subject as string, queue, target, settings);
      if (typeof callback !== 'function')
        return tracedMessages(target.subscribe(subject, options, ...rest) as object, reception);
      return target.subscribe(
        subject,
        { ...(options as object), callback: tracedCallback(callback as Method, reception) },
        ...rest,
      );
    },
  };
}

function tracedCallback(callback: Method, reception: Reception): Method {
  return function (this: unknown, error, raw, ...rest) {
    const arrival = error ? undefined : arrive(raw, reception);
    if (arrival === undefined) return Reflect.apply(callback, this, [error, raw, ...rest]);
    const { open, message } = arrival;
    if (open.hop.refused !== undefined) return void refuse(arrival, raw as MessageLike, reception);
    return whenSettled(
      () => open.run<unknown>(() => Reflect.apply(callback, this, [error, message, ...rest])),
      (failed, error) => (failed ? open.end({ failed, error }) : arrival.leave()),
    );
  };
}

const JETSTREAM_ACK = '$JS.ACK.';
const TERMINATE = new TextEncoder().encode('+TERM');

function receptionOf(subscribed: string, queue: unknown, target: Loose, settings: Settings): Reception {
  const { hop, subjects, onRefused } = settings;
  const isOfInbox = isInbox(subscribed, subjects.inboxPrefix);
  return {
    receiver: {
      ...settings.receiver,
      groupId: typeof queue === 'string' && queue !== '' ? queue : undefined,
      start: processStarts(subjects, [subscribed]),
    },
    onRefused,
    read({ subject, reply, headers }): ReceivedMessage | undefined {
      // A client of JetStream over this connection has inboxes of its own: `traceJetStream` is for that.
      if (isOfInbox && reply?.startsWith(JETSTREAM_ACK)) return undefined;
      return {
        topic: isInbox(subject, subjects.inboxPrefix) ? INBOX_TEMPLATE : subject,
        headers: mapOf(headers),
        message: { headers },
      };
    },
    view: (message, open) => requestView(message, open, hop, () => target.info),
    refuse(message, refused) {
      const { reply } = message;
      if (!reply) return;
      const respond = (payload: Uint8Array, options?: object): unknown =>
        (message as unknown as Record<'respond', Method>).respond(payload, options);
      if (reply.startsWith(JETSTREAM_ACK)) respond(TERMINATE);
      else
        respond(
          new Uint8Array(0),
          target.info?.headers === false ? undefined : withHeaders({}, refusalHeaders(refused)),
        );
    },
  };
}

/** What tells a requester that it gets no answer, and why: as the services of NATS do. */
function refusalHeaders({ refused, message }: Refused): HeadersLike {
  const headers = newHeaders();
  headers.set(SERVICE_ERROR, message);
  headers.set(SERVICE_ERROR_CODE, refused === 'deadline' ? '504' : '508');
  return headers;
}
