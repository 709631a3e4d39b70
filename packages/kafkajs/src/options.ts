import { hopSettings, isPatched, remembering } from '@throughline/core/adapter';
import type { HopOptions } from '@throughline/core';
import type { HopSettings } from '@throughline/core/adapter';
import { kafka, receiverSettings, senderSettings } from '@throughline/core/messaging';
import type { Place, Receiver, ReceiverOptions, Sender, SenderOptions } from '@throughline/core/messaging';
import { kafkaErrorType } from './message.ts';
import type { MessageLike } from './message.ts';

import { recordHeaders } from './shape.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/kafkajs', version: '0.0.0' } as const;

/** The options of {@link traceProducer}. */
export type ProducerOptions = SenderOptions;

/** What {@link ConsumerOptions.onRefused} is given: kafkajs's payload of `eachMessage`, or what tells a message of a batch. */
export interface RefusedPayload {
  readonly topic: string;
  readonly partition: number;
  readonly message: MessageLike;
}

/** The options of {@link traceConsumer}, `tracedEachMessage` and `tracedEachBatch`. */
export type ConsumerOptions = ReceiverOptions<RefusedPayload>;

/** The options of {@link injectHeaders}. */
export interface InjectOptions extends HopOptions {
  /** The topic that the message goes to, for an outbound policy that asks. */
  readonly topic?: string | undefined;
}

/** A producer's options, checked. */
export type ProducerSettings = Sender;

/** A consumer's options, checked. */
export type ConsumerSettings = Receiver<RefusedPayload>;

/** Returns the settings of one wrapped producer. Throws a `ThroughlineError` for a wrong option. */
export function producerSettings(options: ProducerOptions | undefined): ProducerSettings {
  return senderSettings(options, {
    scope,
    system: kafka,
    errorType: kafkaErrorType,
    shape: recordHeaders,
    places,
    suppresses: isPatched,
  });
}

/** Returns the settings of one wrapped consumer or handler. Throws a `ThroughlineError` for a wrong option. */
export function consumerSettings(options: ConsumerOptions | undefined): ConsumerSettings {
  return receiverSettings(options, {
    scope,
    system: kafka,
    errorType: kafkaErrorType,
    messageOf({ topic, partition, message }) {
      const { timestamp, headers } = message;
      return { topic, partition, timestamp, headers, message };
    },
  });
}

/** What kafkajs resolves with, for each partition. */
interface Metadata {
  readonly topicName?: unknown;
  readonly partition?: unknown;
  readonly baseOffset?: unknown;
}

function places(answer: unknown): Place[] {
  if (!Array.isArray(answer)) return [];
  return (answer as (Metadata | null | undefined)[]).map((metadata) => ({
    topic: metadata?.topicName,
    partition: metadata?.partition,
    offset: metadata?.baseOffset,
  }));
}

/** Returns the settings of an options object that is handed in with every call. */
export const rememberedSettings: (options: HopOptions | undefined) => HopSettings = remembering((options) =>
  hopSettings(options, scope, ['topic']),
);
