import { markWrapped, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import { runHandler, runRefused, startProcess } from '@throughline/core/messaging';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';

/** The part of kafkajs's `EachMessagePayload` that is read here. */
export interface EachMessagePayloadLike {
  readonly topic: string;
  readonly partition: number;
  readonly message: MessageLike;
}

/**
 * Returns a handler that opens a CONSUMER span `process {topic}` for the message, a child of the span that sent it, and runs
 * `handler` in it, with the sender's baggage. Rejects with the very object that `handler` throws: kafkajs decides by it.
 * Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * await consumer.run({ eachMessage: tracedEachMessage(async ({ message }) => handle(message)) });
 * ```
 */
export function tracedEachMessage<P extends EachMessagePayloadLike, R>(
  handler: (payload: P) => R,
  options?: ConsumerOptions,
): (payload: P) => R {
  return eachMessageWith(handler, consumerSettings(options));
}

export function eachMessageWith<P extends EachMessagePayloadLike, R>(
  handler: (payload: P) => R,
  settings: ConsumerSettings,
): (payload: P) => R {
  if (wrapped(handler)) {
    warnIfRewrapped(handler, settings.hop);
    return handler;
  }
  return markWrapped((payload: P): R => {
    const received = startMessage(payload, settings);
    if (received === undefined) return handler(payload);
    if (received.refused !== undefined) return runRefused(received, settings.onRefused, payload) as R;
    const { topic, partition } = payload;
    return runHandler(received, { topic, partition, count: 1 }, settings, handler, payload);
  }, settings.hop);
}

// A payload that is none of kafkajs's is the handler's affair: an error of ours would stop the consumer.
function startMessage(payload: EachMessagePayloadLike, settings: ConsumerSettings): Received | Refused | undefined {
  try {
    const { topic, partition, message } = payload;
    const { key, value, offset, timestamp, headers } = message;
    return startProcess({ topic, partition, key, value, offset, timestamp, headers }, settings);
  } catch {
    return undefined;
  }
}
