import { context as contextApi, SpanKind } from '@opentelemetry/api';
import { startOutbound, ThroughlineError, warnIfRewrapped, wrapped } from '@throughline/core';
import {
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  KAFKA,
} from './conventions.ts';
import { copyWith } from './copy.ts';
import { kafkaErrorType } from './message.ts';
import { producerSettings } from './options.ts';
import type { ProducerOptions, ProducerSettings } from './options.ts';
import { endAll, startTopic } from './outgoing.ts';
import type { Outgoing } from './outgoing.ts';
import { sameType } from './same-type.ts';
import { whenSettled } from './settled.ts';

/** What sends: a kafkajs `Producer` or `Transaction`, or a client with its API. */
export interface SenderLike {
  send(record: never): Promise<unknown>;
  sendBatch(batch: never): Promise<unknown>;
}

/** The part of a kafkajs `Producer` that is wrapped. */
export interface ProducerLike extends SenderLike {
  transaction?(...args: never[]): Promise<SenderLike>;
}

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
export function traceProducer<P extends ProducerLike>(producer: P, options?: ProducerOptions): P {
  const settings = producerSettings(options);
  if (typeof producer !== 'object' || producer === null || typeof producer.send !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceProducer` takes a producer, such as `kafka.producer()`.',
    );
  }
  return traceSender(producer, settings);
}

type Loose = Record<'send' | 'sendBatch' | 'transaction' | 'sendOffsets', (...args: unknown[]) => unknown>;

function traceSender<S extends object>(sender: S, settings: ProducerSettings): S {
  const target = sender as unknown as Loose;
  // A copy of a wrapped producer has lost its brand, its `send` has not.
  if (wrapped(sender) || wrapped(target.send)) {
    warnIfRewrapped(wrapped(sender) ? sender : target.send, settings.hop);
    return sender;
  }
  const members: Record<string, unknown> = {
    send: (record: unknown, ...rest: unknown[]) => sendRecord(target, record, rest, settings),
    sendBatch: (batch: unknown, ...rest: unknown[]) => sendBatch(target, batch, rest, settings),
  };
  if (typeof target.transaction === 'function') {
    members['transaction'] = async (...args: unknown[]) => traced(await target.transaction(...args), settings);
  }
  if (typeof target.sendOffsets === 'function') {
    members['sendOffsets'] = (offsets: unknown, ...rest: unknown[]) => sendOffsets(target, offsets, rest, settings);
  }
  return sameType(sender, members, settings.hop);
}

/** A call made ready: what to pass on, and the spans that it ends. */
interface Prepared {
  readonly argument: unknown;
  readonly outgoing: readonly Outgoing[];
}

function sendRecord(target: Loose, record: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const prepared = prepare(record, () => {
    if (!isTopicMessages(record)) return undefined;
    const outgoing = startTopic(record.topic, [record.messages], settings);
    const [messages] = outgoing.lists;
    const argument = messages === record.messages ? record : copyWith(record, RECORD_MEMBERS, 'messages', messages);
    return { argument, outgoing: [outgoing] };
  });
  return call(prepared, (argument) => target.send(argument, ...rest));
}

function sendBatch(target: Loose, batch: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const prepared = prepare(batch, () => {
    if (typeof batch !== 'object' || batch === null) return undefined;
    const { topicMessages } = batch as { topicMessages?: unknown };
    if (!Array.isArray(topicMessages) || !topicMessages.every(isTopicMessages)) return undefined;
    const copies: object[] = [...topicMessages];
    const outgoing: Outgoing[] = [];
    for (const [topic, places] of byTopic(topicMessages)) {
      const started = startTopic(
        topic,
        places.map((at) => (topicMessages[at] as TopicMessages).messages),
        settings,
      );
      outgoing.push(started);
      places.forEach((at, nth) => {
        const entry = topicMessages[at] as TopicMessages;
        if (started.lists[nth] !== entry.messages)
          copies[at] = copyWith(entry, RECORD_MEMBERS, 'messages', started.lists[nth]);
      });
    }
    return { argument: copyWith(batch, BATCH_MEMBERS, 'topicMessages', copies), outgoing };
  });
  return call(prepared, (argument) => target.sendBatch(argument, ...rest));
}

// What cannot be read, because it is malformed or a getter throws, goes to the client as it is, which reports it.
function prepare(argument: unknown, read: () => Prepared | undefined): Prepared {
  try {
    return read() ?? { argument, outgoing: [] };
  } catch {
    return { argument, outgoing: [] };
  }
}

function call(prepared: Prepared, send: (argument: unknown) => unknown): unknown {
  const { argument, outgoing } = prepared;
  // Nested topics of one call share the context of the first.
  const [first] = outgoing;
  if (first === undefined) return send(argument);
  let result: unknown;
  try {
    result = contextApi.with(first.sending.inner, send, undefined, argument);
  } catch (error) {
    endAll(outgoing, { error });
    throw error;
  }
  return whenSettled(
    result,
    (value) => endAll(outgoing, { value }),
    (error) => endAll(outgoing, { error }),
  );
}

interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly unknown[];
}

function isTopicMessages(record: unknown): record is TopicMessages {
  if (typeof record !== 'object' || record === null) return false;
  const { topic, messages } = record as Partial<TopicMessages>;
  return typeof topic === 'string' && topic !== '' && Array.isArray(messages);
}

function byTopic(topicMessages: readonly TopicMessages[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  topicMessages.forEach(({ topic }, at) => {
    const there = places.get(topic);
    if (there === undefined) places.set(topic, [at]);
    else there.push(at);
  });
  return places;
}

/** The offsets that a transaction commits for a consumer group: a settle span. */
function sendOffsets(target: Loose, offsets: unknown, rest: unknown[], settings: ProducerSettings): unknown {
  const { group, topic } = settledBy(offsets);
  const sending = startOutbound(
    {
      transport: KAFKA,
      name: topic === undefined ? 'settle' : `settle ${topic}`,
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR_MESSAGING_SYSTEM]: KAFKA,
        [ATTR_MESSAGING_OPERATION_NAME]: 'settle',
        [ATTR_MESSAGING_OPERATION_TYPE]: 'settle',
        [ATTR_MESSAGING_DESTINATION_NAME]: topic,
        [ATTR_MESSAGING_CONSUMER_GROUP_NAME]: group,
        [ATTR_MESSAGING_CLIENT_ID]: settings.clientId,
      },
      target: { transport: KAFKA, channel: 'broker', name: topic },
    },
    settings.hop,
  );
  let result: unknown;
  const failed = (error: unknown): void => sending.end({ error, errorType: kafkaErrorType(error) });
  try {
    result = contextApi.with(sending.inner, () => target.sendOffsets(offsets, ...rest));
  } catch (error) {
    failed(error);
    throw error;
  }
  return whenSettled(result, () => sending.end(), failed);
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
