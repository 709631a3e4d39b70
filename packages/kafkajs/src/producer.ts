import { ThroughlineError } from '@throughline/core';
import { markWrapped, sameType, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { byTopic, prepared, sendAll, settle, startTopic } from '@throughline/core/messaging';
import type { OutgoingTopic } from '@throughline/core/messaging';
import { copyOfInstance, isPlain } from './copy.ts';
import { producerSettings } from './options.ts';
import type { ProducerOptions, ProducerSettings } from './options.ts';

/** What sends: a kafkajs `Producer` or `Transaction`, or a client with its API. */
export interface SenderLike {
  send(record: never): Promise<unknown>;
  sendBatch(batch: never): Promise<unknown>;
}

/** The part of a kafkajs `Producer` that is wrapped. */
export interface ProducerLike extends SenderLike {
  transaction?(...args: never[]): Promise<SenderLike>;
}

/** What a traced `send` takes beside the client's own members. */
export interface SendExtras {
  /** The messages are answers, which are not a step deeper in the chain of agents. Never reaches the client. */
  readonly reply?: boolean | undefined;
}

type WithExtras<S extends SenderLike> = {
  send(record: Parameters<S['send']>[0] & SendExtras): ReturnType<S['send']>;
  sendBatch(batch: Parameters<S['sendBatch']>[0] & SendExtras): ReturnType<S['sendBatch']>;
};

type WithTransaction<P> = P extends { transaction(...args: infer A): Promise<infer T extends SenderLike> }
  ? { transaction(...args: A): Promise<WithExtras<T> & T> }
  : unknown;

/** A producer of the same type, whose sends also take `reply`. */
export type TracedProducer<P extends ProducerLike> = WithExtras<P> & WithTransaction<P> & P;

const RECORD_MEMBERS = ['topic', 'messages', 'acks', 'timeout', 'compression'];
const BATCH_MEMBERS = ['topicMessages', 'acks', 'timeout', 'compression'];

/**
 * Returns a producer of the same type that opens one PRODUCER span `send {topic}` for each topic and call, and sends its
 * context in every message. The producer that is given, and everything that is sent through the new one, stay as they are.
 * Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const producer = traceProducer(kafka.producer());
 * await producer.send({ topic: 'orders', messages: [{ value: 'one' }] });
 * ```
 */
export function traceProducer<P extends ProducerLike>(producer: P, options?: ProducerOptions): TracedProducer<P> {
  const settings = producerSettings(options);
  if (typeof producer !== 'object' || producer === null || typeof producer.send !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceProducer` takes a producer, such as `kafka.producer()`.',
    );
  }
  return traceSender(producer, settings) as TracedProducer<P>;
}

type Loose = Record<
  'send' | 'sendBatch' | 'transaction' | 'sendOffsets' | 'disconnect',
  (...args: unknown[]) => unknown
>;

function traceSender<S extends object>(sender: S, settings: ProducerSettings): S {
  const target = sender as unknown as Loose;
  // A copy of a wrapped producer has lost the mark, its `send` has not.
  if (wrapped(sender) || wrapped(target.send)) {
    warnIfRewrapped(wrapped(sender) ? sender : target.send, settings.hop);
    return sender;
  }
  const send = (record: unknown, ...rest: unknown[]): unknown => sendRecord(target, record, rest, settings);
  const members: Record<string, unknown> = {
    send: markWrapped(send, settings.hop),
    sendBatch: (batch: unknown, ...rest: unknown[]) => sendBatch(target, batch, rest, settings),
  };
  if (typeof target.transaction === 'function') {
    members['transaction'] = async (...args: unknown[]) => {
      // An instrumentation that patched this patches what a transaction sends by, without its mark.
      const suppresses = (): boolean => settings.suppresses(target.transaction);
      return traced(await target.transaction(...args), { ...settings, suppresses });
    };
  }
  if (typeof target.sendOffsets === 'function') {
    members['sendOffsets'] = (offsets: unknown, ...rest: unknown[]) => sendOffsets(target, offsets, rest, settings);
  }
  if (typeof target.disconnect === 'function') {
    members['disconnect'] = (...args: unknown[]) => settings.open.until(target.disconnect(...args));
  }
  return sameType(sender, members, settings.hop);
}

function sendRecord(target: Loose, record: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const { argument, outgoing } = prepared(record, (started) => recordCopy(record, started, settings));
  return sendAll(outgoing, () => target.send(argument, ...rest), settings.suppresses(target.send));
}

function recordCopy(record: unknown, outgoing: OutgoingTopic[], settings: ProducerSettings): unknown {
  if (!isTopicMessages(record)) return record;
  const { topic, messages, reply } = record;
  const started = startTopic(topic, [messages], settings, reply === true);
  outgoing.push(started);
  const [written] = started.lists;
  if (written === messages && reply === undefined) return record;
  return withoutReply(withMessages(record, written));
}

function sendBatch(target: Loose, batch: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const { argument, outgoing } = prepared(batch, (started) => batchCopy(batch, started, settings));
  return sendAll(outgoing, () => target.sendBatch(argument, ...rest), settings.suppresses(target.sendBatch));
}

function batchCopy(batch: unknown, outgoing: OutgoingTopic[], settings: ProducerSettings): unknown {
  if (typeof batch !== 'object' || batch === null) return batch;
  const { topicMessages, reply } = batch as { topicMessages?: unknown } & SendExtras;
  if (!Array.isArray(topicMessages) || !topicMessages.every(isTopicMessages)) return batch;
  const copies: object[] = [...topicMessages];
  for (const [topic, places] of byTopic(topicMessages)) {
    const started = startTopic(
      topic,
      places.map((at) => (topicMessages[at] as TopicMessages).messages),
      settings,
      reply === true,
    );
    outgoing.push(started);
    places.forEach((at, nth) => {
      const entry = topicMessages[at] as TopicMessages;
      const written = started.lists[nth];
      if (written !== entry.messages) copies[at] = withMessages(entry, written);
    });
  }
  if (!isPlain(batch)) return withoutReply(copyOfInstance(batch, BATCH_MEMBERS, 'topicMessages', copies));
  return withoutReply({ ...batch, topicMessages: copies });
}

function withMessages(record: object, messages: unknown): object {
  return isPlain(record) ? { ...record, messages } : copyOfInstance(record, RECORD_MEMBERS, 'messages', messages);
}

function withoutReply(copy: object): object {
  if ('reply' in copy) delete copy.reply;
  return copy;
}

interface TopicMessages extends SendExtras {
  readonly topic: string;
  readonly messages: readonly unknown[];
}

function isTopicMessages(record: unknown): record is TopicMessages {
  if (typeof record !== 'object' || record === null) return false;
  const { topic, messages } = record as Partial<TopicMessages>;
  return typeof topic === 'string' && topic !== '' && Array.isArray(messages);
}

/** The offsets that a transaction commits for a consumer group. */
function sendOffsets(target: Loose, offsets: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const { group, topic } = settledBy(offsets);
  const suppresses = settings.suppresses(target.sendOffsets);
  return settle(topic, group, settings, () => target.sendOffsets(offsets, ...rest), suppresses);
}

// A topic only where there is one: a span's name holds no list.
function settledBy(offsets: unknown): { group: string | undefined; topic: string | undefined } {
  try {
    const { consumerGroupId, topics } = offsets as {
      consumerGroupId?: unknown;
      topics?: readonly { topic?: unknown }[];
    };
    const only = topics?.length === 1 ? topics[0]?.topic : undefined;
    return { group: textOf(consumerGroupId), topic: textOf(only) };
  } catch {
    return { group: undefined, topic: undefined };
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function traced(transaction: unknown, settings: ProducerSettings): unknown {
  return typeof transaction === 'object' && transaction !== null ? traceSender(transaction, settings) : transaction;
}
