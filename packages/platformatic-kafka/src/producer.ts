import { context as contextApi } from '@opentelemetry/api';
import { ThroughlineError } from '@throughline/core';
import { sameType, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { byTopic, endAll, prepared, refusalOf, sendAll, settle, startTopic } from '@throughline/core/messaging';
import type { OutgoingTopic, Sender } from '@throughline/core/messaging';
import { producerSettings } from './options.ts';
import type { ProducerOptions } from './options.ts';
import { traceProducerStream } from './producer-stream.ts';

/** The part of a `Producer` or `Transaction` that sends. */
export interface SenderLike {
  // The client's overloads, of which TypeScript takes the last for comparison.
  send(options: never): Promise<unknown>;
}

/** The part of a `Producer` that is wrapped. */
export interface ProducerLike extends SenderLike {
  close(...args: never[]): unknown;
}

/** What a traced `send` takes beside the client's own members. */
export interface SendExtras {
  /** The messages are answers, which are not a step deeper in the chain of agents. Never reaches the client. */
  readonly reply?: boolean | undefined;
}

type CallbackOf<F> = F extends { (options: never, callback: infer C): unknown; (options: never): unknown } ? C : never;

type WithExtras<S extends SenderLike> = {
  send(options: Parameters<S['send']>[0] & SendExtras, callback: CallbackOf<S['send']>): void;
  send(options: Parameters<S['send']>[0] & SendExtras): ReturnType<S['send']>;
};

type WithTransaction<P> = P extends { beginTransaction(options?: infer O): Promise<infer T extends SenderLike> }
  ? { beginTransaction(options?: O): Promise<WithExtras<T> & T> }
  : unknown;

/** A producer of the same type, whose sends also take `reply`. */
export type TracedProducer<P extends ProducerLike> = WithExtras<P> & WithTransaction<P> & P;

type Callback = (error: unknown, result?: unknown) => void;
type Loose = Record<'send' | 'close' | 'beginTransaction' | 'asStream' | 'addOffset', (...args: unknown[]) => unknown>;

/**
 * Returns a producer of the same type that opens one PRODUCER span `send {topic}` for each topic and call, and sends its context
 * in every message, whose headers may be a Map or a record. The producer that is given, and everything that is sent
 * through the new one, stay as they are. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const producer = traceProducer(new Producer({ clientId: 'planner', bootstrapBrokers }));
 * await producer.send({ messages: [{ topic: 'orders', value: Buffer.from('one') }] });
 * ```
 */
export function traceProducer<P extends ProducerLike>(producer: P, options?: ProducerOptions): TracedProducer<P> {
  if (typeof producer !== 'object' || producer === null || typeof producer.send !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceProducer` takes a producer, such as `new Producer({ … })`.',
    );
  }
  const settings = producerSettings(producer, options);
  if (wrapped(producer)) {
    warnIfRewrapped(producer, settings.hop);
    return producer as TracedProducer<P>;
  }
  const target = producer as unknown as Loose;
  const members: Record<string, unknown> = {
    send: (record: unknown, callback?: unknown) => send(target, record, callback, settings),
    close: (...args: unknown[]) => close(target, args, settings),
  };
  if (typeof target.beginTransaction === 'function') {
    members['beginTransaction'] = (...args: unknown[]) =>
      withResult(
        args,
        (given) => target.beginTransaction(...given),
        (transaction) => traceTransaction(transaction, settings),
      );
  }
  if (typeof target.asStream === 'function') {
    members['asStream'] = (...args: unknown[]) => traceProducerStream(target.asStream(...args) as object, settings);
  }
  return sameType(producer, members, settings.hop) as TracedProducer<P>;
}

function traceTransaction(transaction: unknown, settings: Sender): unknown {
  if (typeof transaction !== 'object' || transaction === null || wrapped(transaction)) return transaction;
  const target = transaction as Loose;
  return sameType(
    transaction,
    {
      send: (record: unknown, callback?: unknown) => send(target, record, callback, settings),
      addOffset: (message: unknown, ...rest: unknown[]) => addOffset(target, message, rest, settings),
    },
    settings.hop,
  );
}

interface Sent {
  readonly messages: readonly { readonly topic: string }[];
  readonly reply?: boolean | undefined;
}

function send(target: Loose, record: unknown, callback: unknown, settings: Sender): unknown {
  const { argument, outgoing } = prepared(record, (started) => recordCopy(record, started, settings));
  const suppresses = settings.suppresses(target.send);
  if (typeof callback !== 'function') return sendAll(outgoing, () => target.send(argument), suppresses);
  const told = contextApi.bind(contextApi.active(), callback as Callback);
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) {
    queueMicrotask(() => told(refusal));
    return undefined;
  }
  const ended: Callback = (error, result) => {
    const failed = error !== undefined && error !== null;
    endAll(outgoing, failed, failed ? error : result);
    told(error, result);
  };
  const hop = outgoing[0]?.hop;
  const call = (): unknown => target.send(argument, ended);
  return hop === undefined || hop.refused !== undefined || !suppresses ? call() : contextApi.with(hop.inner, call);
}

// The client writes into what it is given, so that it gets a copy.
function recordCopy(record: unknown, outgoing: OutgoingTopic[], settings: Sender): unknown {
  if (!isSent(record)) return record;
  const { messages, reply, ...rest } = record;
  const copies: unknown[] = [...messages];
  for (const [topic, places] of byTopic(messages)) {
    const given = places.map((at) => messages[at]);
    const started = startTopic(topic, [given], settings, reply === true);
    outgoing.push(started);
    const [written] = started.lists;
    places.forEach((at, nth) => (copies[at] = written?.[nth]));
  }
  return { ...rest, messages: copies };
}

function isSent(record: unknown): record is Sent {
  if (typeof record !== 'object' || record === null) return false;
  const { messages } = record as { messages?: unknown };
  return Array.isArray(messages) && messages.every(hasTopic);
}

function hasTopic(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { topic } = message as { topic?: unknown };
  return typeof topic === 'string' && topic !== '';
}

/** The offset that a transaction commits for a message's consumer group. */
function addOffset(target: Loose, message: unknown, rest: unknown[], settings: Sender): unknown {
  const { topic, metadata } = (message ?? {}) as {
    topic?: string;
    metadata?: { consumer?: { groupId?: string } };
  };
  const commit = (given: unknown[]): unknown =>
    settle(
      topic,
      metadata?.consumer?.groupId,
      settings,
      () => target.addOffset(message, ...given),
      settings.suppresses(target.addOffset),
    );
  const callback = rest.at(-1);
  if (typeof callback !== 'function') return commit(rest);
  const told = contextApi.bind(contextApi.active(), callback as Callback);
  (commit([]) as Promise<unknown>).then((result) => told(null, result), told);
  return undefined;
}

function close(target: Loose, args: unknown[], { open }: Sender): unknown {
  const result = withResult(
    args,
    (given) => target.close(...given),
    (value) => {
      open.abandon();
      return value;
    },
  );
  return result === undefined ? result : open.until(result);
}

/** Calls with a callback as last argument, or none and a promise; `then` makes the result of either. */
export function withResult(
  args: readonly unknown[],
  call: (args: readonly unknown[]) => unknown,
  then: (result: unknown) => unknown,
): unknown {
  const callback = args.at(-1);
  if (typeof callback !== 'function') return Promise.resolve(call(args)).then(then);
  const told: Callback = (error, result) => {
    const failed = error !== undefined && error !== null;
    (callback as Callback)(error, failed ? result : then(result));
  };
  return call([...args.slice(0, -1), told]);
}
