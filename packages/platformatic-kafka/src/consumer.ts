import { ThroughlineError } from '@throughline/core';
import { sameType, warnIfRewrapped, wrapped } from '@throughline/core/adapter';
import { traceStream } from './messages-stream.ts';
import type { TracedStream } from './messages-stream.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions } from './options.ts';
import { withResult } from './producer.ts';

/** The part of a `Consumer` that is wrapped. */
export interface ConsumerLike {
  consume(options: never): Promise<object>;
}

/** A consumer of the same type, whose streams have `process`. */
export type TracedConsumer<C extends ConsumerLike> = {
  consume(options: Parameters<C['consume']>[0]): Promise<TracedStream<Awaited<ReturnType<C['consume']>>>>;
} & C;

type Loose = Record<'consume' | 'close', (...args: unknown[]) => unknown>;

/**
 * Returns a consumer of the same type whose streams trace what they deliver: `data` listeners run in a CONSUMER span
 * `process {topic}` for each message, a child of the span that sent it, and so does what `stream.process(message, fn)`
 * runs. The consumer that is given stays as it is. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * const consumer = traceConsumer(new Consumer({ groupId: 'billing', bootstrapBrokers }));
 * const stream = await consumer.consume({ topics: ['orders'] });
 * for await (const message of stream) await stream.process(message, () => handle(message));
 * ```
 */
export function traceConsumer<C extends ConsumerLike>(consumer: C, options?: ConsumerOptions): TracedConsumer<C> {
  if (typeof consumer !== 'object' || consumer === null || typeof consumer.consume !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`traceConsumer` takes a consumer, such as `new Consumer({ … })`.',
    );
  }
  const settings = consumerSettings(consumer, options);
  if (wrapped(consumer)) {
    warnIfRewrapped(consumer, settings.hop);
    return consumer as TracedConsumer<C>;
  }
  const target = consumer as unknown as Loose;
  const members: Record<string, unknown> = {
    consume: (...args: unknown[]) =>
      withResult(
        args,
        (given) => target.consume(...given),
        (stream) => traceStream(stream as object, settings),
      ),
  };
  if (typeof target.close === 'function') {
    members['close'] = (...args: unknown[]) => {
      const { open } = settings;
      const result = withResult(
        args,
        (given) => target.close(...given),
        (value) => {
          open.abandon();
          return value;
        },
      );
      return result === undefined ? result : open.until(result);
    };
  }
  return sameType(consumer, members, settings.hop) as TracedConsumer<C>;
}
