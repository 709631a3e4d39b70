import { ThroughlineError } from '@throughline/core';
import { sameType, unpatched, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { eachBatchWith } from './each-batch.ts';
import type { EachBatchPayloadLike, TracedEachBatchPayload } from './each-batch.ts';
import { eachMessageWith } from './each-message.ts';
import type { EachMessagePayloadLike } from './each-message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';

/** The part of a kafkajs `Consumer` that is wrapped. */
export interface ConsumerLike {
  run(config?: never): Promise<unknown>;
}

type RunConfig<C> = C extends { run(config?: infer Config): unknown } ? NonNullable<Config> : never;

type BatchPayload<Config> = Config extends { eachBatch?: infer H }
  ? NonNullable<H> extends (payload: infer P) => unknown
    ? P
    : never
  : never;

/** A consumer of the same type, whose `eachBatch` handler gets `runWith`. */
export type TracedConsumer<C extends ConsumerLike> = {
  run(
    config?: Omit<RunConfig<C>, 'eachBatch'> & {
      eachBatch?: (payload: TracedEachBatchPayload<BatchPayload<RunConfig<C>>>) => Promise<void>;
    },
  ): ReturnType<C['run']>;
} & C;

/**
 * Returns a consumer of the same type whose `eachMessage` handler runs in a CONSUMER span `process {topic}`, a child of the
 * span that sent the message, and whose `eachBatch` handler runs in one span that links the senders. The consumer that is
 * given stays as it is. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const consumer = traceConsumer(kafka.consumer({ groupId: 'billing' }));
 * await consumer.run({ eachMessage: async ({ message }) => handle(message) });
 * ```
 */
export function traceConsumer<C extends ConsumerLike>(consumer: C, options?: ConsumerOptions): TracedConsumer<C> {
  const settings = consumerSettings(options);
  if (typeof consumer !== 'object' || consumer === null || typeof consumer.run !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`traceConsumer` takes a consumer, such as `kafka.consumer({ groupId: 'billing' })`.",
    );
  }
  if (wrapped(consumer)) {
    warnIfRewrapped(consumer, settings.hop);
    return consumer as TracedConsumer<C>;
  }
  listen(consumer, settings);
  const target = consumer as unknown as Loose;
  const members: Record<string, unknown> = {
    run: (config: unknown, ...rest: unknown[]): unknown =>
      Reflect.apply(unpatched(target.run), target, [tracedConfig(config, settings), ...rest]),
  };
  for (const name of ['disconnect', 'stop'] as const) {
    if (typeof target[name] !== 'function') continue;
    members[name] = (...args: unknown[]) => settings.open.until(target[name](...args));
  }
  return sameType(consumer, members, settings.hop) as TracedConsumer<C>;
}

type Loose = Record<'run' | 'disconnect' | 'stop', (...args: unknown[]) => unknown>;

type MessageHandler = (payload: EachMessagePayloadLike) => unknown;
type BatchHandler = (payload: TracedEachBatchPayload) => unknown;

function tracedConfig(config: unknown, settings: ConsumerSettings): unknown {
  if (typeof config !== 'object' || config === null) return config;
  const { eachMessage, eachBatch } = config as { eachMessage?: unknown; eachBatch?: unknown };
  return {
    ...config,
    ...(typeof eachMessage === 'function'
      ? { eachMessage: eachMessageWith(eachMessage as MessageHandler, settings) }
      : undefined),
    ...(typeof eachBatch === 'function'
      ? { eachBatch: eachBatchWith<EachBatchPayloadLike, unknown>(eachBatch as BatchHandler, settings) }
      : undefined),
  };
}

/** Listens for the group that the consumer joins, and for its end, where the client tells. */
function listen(consumer: object, settings: ConsumerSettings): void {
  try {
    const { events, on } = consumer as { events?: Record<string, unknown>; on?: unknown };
    if (typeof on !== 'function' || typeof events !== 'object' || events === null) return;
    const when = (event: unknown, listener: (event: { payload?: { groupId?: unknown } }) => void): void => {
      if (typeof event === 'string') on.call(consumer, event, listener);
    };
    if (settings.groupId === undefined) {
      when(events['GROUP_JOIN'], ({ payload }) => {
        if (typeof payload?.groupId === 'string') settings.groupId = payload.groupId;
      });
    }
    // A consumer that crashed has stopped by itself, and may start again.
    when(events['CRASH'], () => settings.open.abandon());
  } catch {
    // Confluent's client has both members, and they throw.
  }
}
