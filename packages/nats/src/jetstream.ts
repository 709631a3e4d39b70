import { context as contextApi } from '@opentelemetry/api';
import { replacing, sameType, viewOf, warnIfRewrapped, whenSettled, wrapped } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { endAll, refusalOf } from '@throughline/core/messaging';
import type { OutgoingTopic } from '@throughline/core/messaging';
import { arrive, refuse } from './arrival.ts';
import type { Reception } from './arrival.ts';
import { abandonAtEnd } from './connection.ts';
import { ATTR_DUPLICATE, ATTR_STREAM } from './conventions.ts';
import { mapOf } from './headers.ts';
import type { JetStreamMessageLike, MessageLike } from './message.ts';
import { settledView } from './message-view.ts';
import { tracedMessages } from './messages.ts';
import { argumentError, natsSettings } from './options.ts';
import type { JetStreamOptions, Settings } from './options.ts';
import { outgoingOf } from './outgoing.ts';
import type { ServerInfoLike } from './payload-room.ts';
import { isReserved, processStarts } from './subjects.ts';

/** The part of a `JetStreamClient` that is wrapped. */
export interface JetStreamLike {
  publish(...args: never[]): Promise<unknown>;
}

/**
 * Returns a JetStream client of the same type. `publish` opens a PRODUCER span that ends with the stream's acknowledgement; the consumers
 * that it gives hand out messages, by `consume`, `fetch` and `next`, each in a CONSUMER span `process {subject}`, a child of the span
 * that published it, which ends when the message is settled. The client that is given stays as it is. Throws a `ThroughlineError` for
 * a wrong option.
 *
 * @example
 * ```ts
 * const js = traceJetStream(jetstream(connection));
 * const consumer = await js.consumers.get('ORDERS', 'billing');
 * for await (const message of await consumer.consume()) {
 *   await handle(message);
 *   message.ack();
 * }
 * ```
 */
export function traceJetStream<J extends JetStreamLike>(js: J, options?: JetStreamOptions): J {
  const settings = natsSettings(options);
  if (typeof js !== 'object' || js === null || typeof js.publish !== 'function') {
    throw argumentError('`traceJetStream` takes a client of JetStream, such as `jetstream(connection)`.');
  }
  if (wrapped(js)) {
    warnIfRewrapped(js, settings.hop);
    return js;
  }
  const target = js as unknown as Loose;
  const connection = connectionOf(target);
  abandonAtEnd(connection, settings);
  const members: Record<string, unknown> = {
    publish: (subject: unknown, payload: unknown, given: unknown, ...rest: unknown[]): unknown => {
      const publish = (written: unknown): unknown => target.publish(subject, payload, written, ...rest);
      // What is reserved is of the key-value and object stores.
      if (typeof subject !== 'string' || subject === '' || isReserved(subject)) return publish(given);
      const { argument, outgoing } = outgoingOf(subject, payload, given, settings.sender, connection?.info);
      return published(outgoing, () => publish(argument));
    },
  };
  for (const [name, methods] of Object.entries(SOURCES)) {
    const source = target[name];
    if (typeof source === 'object' && source !== null)
      members[name] = tracedSource(source, methods, connection, settings);
  }
  return sameType(js, members, settings.hop);
}

type Method = (...args: unknown[]) => unknown;
type Loose = { publish: Method } & Record<string, unknown>;
type Connection = { closed?(): unknown; readonly info?: (ServerInfoLike & { readonly version?: string }) | undefined };

/** What gives consumers, or what gives them. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  consumers: ['get', 'getConsumerFromInfo', 'getPushConsumer', 'getBoundPushConsumer'],
  streams: ['get'],
};
const STREAM_METHODS = ['getConsumer', 'getConsumerFromInfo', 'getPushConsumer', 'getBoundPushConsumer'];

// The client keeps it by this name; its types do not say so.
function connectionOf(js: Loose): Connection | undefined {
  try {
    const { nc } = js;
    return typeof nc === 'object' && nc !== null ? nc : undefined;
  } catch {
    return undefined;
  }
}

function published(outgoing: readonly OutgoingTopic[], publish: () => unknown): unknown {
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  const [one] = outgoing;
  if (one === undefined) return publish();
  return whenSettled(
    // Below is a request, of a connection that may be traced too.
    () => contextApi.with((one.hop as Sending).inner, publish),
    (failed, value) => {
      if (!failed)
        one.hop.describe((span) => {
          const { stream, duplicate } = (value ?? {}) as { stream?: unknown; duplicate?: unknown };
          if (typeof stream === 'string') span.setAttribute(ATTR_STREAM, stream);
          if (duplicate === true) span.setAttribute(ATTR_DUPLICATE, true);
        });
      endAll(outgoing, failed, value);
    },
  );
}

function tracedSource(
  source: object,
  methods: readonly string[],
  connection: Connection | undefined,
  settings: Settings,
): object {
  const target = source as Record<string, Method>;
  const members: Record<string, Method> = {};
  for (const name of methods) {
    if (typeof target[name] !== 'function') continue;
    members[name] = (...args) => {
      const result = (target[name] as Method)(...args);
      return isPromise(result) ? result.then(given) : given(result);
      function given(thing: unknown): unknown {
        if (typeof thing !== 'object' || thing === null) return thing;
        if (typeof (thing as { consume?: unknown }).consume === 'function')
          return consumerOf(thing, args, connection, settings);
        return STREAM_METHODS.some((method) => method in thing)
          ? tracedSource(thing, STREAM_METHODS, connection, settings)
          : thing;
      }
    };
  }
  return viewOf(source, replacing(members));
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** What is read of a consumer's configuration. */
interface ConsumerInfoLike {
  readonly stream_name?: string;
  readonly config?: {
    readonly durable_name?: string;
    readonly ack_policy?: string;
    /** Nanoseconds. */
    readonly ack_wait?: number;
    readonly filter_subject?: string;
    readonly filter_subjects?: readonly string[];
  };
}

/** Returns a view of a consumer: with what the client knows of it, or where it asks first, a promise of one. */
function consumerOf(
  consumer: object,
  args: readonly unknown[],
  connection: Connection | undefined,
  settings: Settings,
): unknown {
  const traced = (info: unknown): object => tracedConsumer(consumer, info ?? {}, connection, settings);
  const [info] = args;
  if (typeof info === 'object' && info !== null && 'config' in info) return traced(info);
  try {
    // What it knows already: nothing is sent.
    const known = (consumer as { info?: Method }).info?.(true);
    return isPromise(known) ? known.then(traced, () => traced(undefined)) : traced(known);
  } catch {
    return traced(undefined);
  }
}

const DEFAULT_ACK_WAIT = 30_000;

/** How long JetStream waits for a settlement, which alone may end a message's span; `undefined` where it waits for none. */
function settlementOf({ config }: ConsumerInfoLike): number | undefined {
  if (config?.ack_policy === 'none' || config?.ack_policy === 'all') return undefined;
  return config?.ack_wait ? config.ack_wait / 1e6 : DEFAULT_ACK_WAIT;
}

function tracedConsumer(
  consumer: object,
  info: ConsumerInfoLike,
  connection: Connection | undefined,
  settings: Settings,
): object {
  const target = consumer as Record<string, Method>;
  const reception = receptionOf(info, connection, settings);
  const wait = settlementOf(info);
  const members: Record<string, Method> = {};
  for (const name of ['consume', 'fetch'] as const) {
    if (typeof target[name] !== 'function') continue;
    members[name] = (options, ...rest) => {
      const callback = (options as { callback?: unknown } | null | undefined)?.callback;
      const isCalled = typeof callback === 'function';
      const given = isCalled
        ? { ...(options as object), callback: tracedCallback(callback as Method, reception, wait) }
        : options;
      const result = (target[name] as Method)(...(options === undefined ? [] : [given]), ...rest);
      const messages = (found: unknown): unknown =>
        isCalled || typeof found !== 'object' || found === null ? found : tracedMessages(found, reception);
      return isPromise(result) ? result.then(messages) : messages(result);
    };
  }
  if (typeof target['next'] === 'function') {
    members['next'] = async (...args) => {
      for (;;) {
        const raw = await (target['next'] as Method)(...args);
        const arrival = arrive(raw, reception);
        if (arrival === undefined) return raw;
        const { open, message } = arrival;
        if (open.hop.refused === undefined) {
          // Nothing tells when it has been handled but its settlement.
          if (wait === undefined) open.end();
          else if (reception.receiver.handlerTimeout === undefined) open.within(wait);
          return message;
        }
        await refuse(arrival, raw as MessageLike, reception);
      }
    };
  }
  return viewOf(consumer, replacing(members));
}

function tracedCallback(callback: Method, reception: Reception, wait: number | undefined): Method {
  return function (this: unknown, raw, ...rest) {
    const arrival = arrive(raw, reception);
    if (arrival === undefined) return Reflect.apply(callback, this, [raw, ...rest]);
    const { open, message } = arrival;
    if (open.hop.refused !== undefined) return void refuse(arrival, raw as MessageLike, reception);
    let returned: unknown;
    return whenSettled(
      () => (returned = open.run<unknown>(() => Reflect.apply(callback, this, [message, ...rest]))),
      (failed, value) => {
        if (failed) open.end({ failed, error: value });
        // It has only begun, as far as one can see.
        else if (wait !== undefined && !isPromise(returned)) {
          if (reception.receiver.handlerTimeout === undefined) open.within(wait);
        } else arrival.leave();
      },
    );
  };
}

function receptionOf(info: ConsumerInfoLike, connection: Connection | undefined, settings: Settings): Reception {
  const { config, stream_name: stream } = info;
  const filters = config?.filter_subjects ?? (config?.filter_subject ? [config.filter_subject] : []);
  return {
    receiver: {
      ...settings.receiver,
      groupId: config?.durable_name,
      start: processStarts(settings.subjects, filters, stream),
    },
    onRefused: settings.onRefused,
    read(message) {
      const { subject, headers, info: delivery } = message as JetStreamMessageLike;
      return {
        topic: subject,
        headers: mapOf(headers),
        timestamp: delivery.timestampNanos / 1e6,
        message: { headers, info: delivery },
      };
    },
    view: settledView,
    refuse(message, { message: reason }) {
      if (config?.ack_policy === 'none') return;
      const { term } = message as unknown as { term?: Method };
      if (takesReason(connection?.info?.version)) term?.call(message, reason);
      else term?.call(message);
    },
  };
}

// Servers before 2.10.4 take no `+TERM` with a reason for one, and would deliver the message again.
function takesReason(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  return major > 2 || (major === 2 && minor > 10);
}
