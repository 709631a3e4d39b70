import { calledAs, runBatch, runMessage, wrapHandler } from '@throughline/core/messaging';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';

/** The part of kafkajs's `EachBatchPayload` that is read here. */
export interface EachBatchPayloadLike {
  readonly batch: {
    readonly topic: string;
    readonly partition: number;
    readonly messages: readonly MessageLike[];
  };
}

/**
 * Returns what `fn` returns, run in the message's own context: spans opened in it belong to the message's trace, and its
 * baggage is active. A message without a context, or that the inbound policy or `maxParentAge` restarts, runs under the
 * batch's span. Safe in parallel.
 */
export type RunWith = <T>(message: MessageLike, fn: () => T) => T;

/** The payload of a traced `eachBatch` handler. */
export type TracedEachBatchPayload<P = EachBatchPayloadLike> = P & { readonly runWith: RunWith };

/**
 * Returns a handler that opens one CONSUMER span `process {topic}` for the batch, with a link to each distinct span that sent
 * a message of it, and runs `handler` in it with `runWith` added to the payload. Rejects with the very object that
 * `handler` throws. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * await consumer.run({
 *   eachBatch: tracedEachBatch(async ({ batch, runWith }) => {
 *     await Promise.all(batch.messages.map((message) => runWith(message, () => handle(message))));
 *   }),
 * });
 * ```
 */
export function tracedEachBatch<P extends EachBatchPayloadLike, R>(
  handler: (payload: TracedEachBatchPayload<P>) => R,
  options?: ConsumerOptions,
): (payload: P) => R {
  return eachBatchWith(handler, consumerSettings(options));
}

export function eachBatchWith<P extends EachBatchPayloadLike, R>(
  handler: (payload: TracedEachBatchPayload<P>) => R,
  settings: ConsumerSettings,
): (payload: P) => R {
  return wrapHandler(handler as (payload: P) => R, settings, function (this: unknown, payload, ...rest: unknown[]): R {
    const handle = calledAs(handler, this, rest);
    return runBatch(
      () => payload.batch,
      settings,
      (received) => {
        const runWith: RunWith = (message, fn) => {
          if (received === undefined) return fn();
          const { topic, partition } = payload.batch;
          return runMessage({ topic, partition, message }, fn, received, settings);
        };
        return handle({ ...payload, runWith });
      },
    );
  });
}
