import { messageHandler } from '@throughline/core/messaging';
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
  return messageHandler<P, R>(handler, settings);
}
