import { hopSettings, ThroughlineError } from '@throughline/core';
import type { HopOptions, HopSettings } from '@throughline/core';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/kafkajs', version: '0.0.0' } as const;

/** The options of {@link traceProducer}. */
export interface ProducerOptions extends HopOptions {
  /** A `create` span for each message, which the send span links, instead of one send span for all. Default `false`. */
  readonly spanPerMessage?: boolean | undefined;
  /** The `clientId` that kafkajs was given: `messaging.client.id`. */
  readonly clientId?: string | undefined;
}

/** The options of {@link traceConsumer}, `tracedEachMessage` and `tracedEachBatch`. */
export interface ConsumerOptions extends HopOptions {
  /**
   * Milliseconds. A message that is older, by its timestamp, starts a new trace with a link to its own. Timestamps in the
   * future or ten years old do not count. Default: no limit.
   */
  readonly maxParentAge?: number | undefined;
  /** The consumer group; kafkajs tells it by itself when the consumer joins. */
  readonly groupId?: string | undefined;
  /** The `clientId` that kafkajs was given: `messaging.client.id`. */
  readonly clientId?: string | undefined;
}

/** The options of {@link injectHeaders}. */
export interface InjectOptions extends HopOptions {
  /** The topic that the message goes to, for an outbound policy that asks. */
  readonly topic?: string | undefined;
}

/** A producer's options, checked. */
export interface ProducerSettings {
  readonly hop: HopSettings;
  readonly spanPerMessage: boolean;
  readonly clientId: string | undefined;
}

/** A consumer's options, checked. */
export interface ConsumerSettings {
  readonly hop: HopSettings;
  readonly maxParentAge: number;
  readonly clientId: string | undefined;
  /** Known at once, or once the consumer joins its group. */
  groupId: string | undefined;
}

/** Returns the settings of one wrapped producer. Throws a `ThroughlineError` for an option that cannot be meant. */
export function producerSettings(options: ProducerOptions | undefined): ProducerSettings {
  const hop = hopSettings(options, scope);
  const { spanPerMessage, clientId } = options ?? {};
  if (spanPerMessage !== undefined && typeof spanPerMessage !== 'boolean')
    throw wrong('spanPerMessage', 'true or false');
  return { hop, spanPerMessage: spanPerMessage ?? false, clientId: name('clientId', clientId) };
}

/** Returns the settings of one wrapped consumer or handler. Throws a `ThroughlineError` for an option that cannot be meant. */
export function consumerSettings(options: ConsumerOptions | undefined): ConsumerSettings {
  const hop = hopSettings(options, scope);
  const { maxParentAge, groupId, clientId } = options ?? {};
  if (maxParentAge !== undefined && !(typeof maxParentAge === 'number' && maxParentAge >= 0)) {
    throw wrong('maxParentAge', 'milliseconds, such as 86_400_000');
  }
  return {
    hop,
    maxParentAge: maxParentAge ?? Infinity,
    clientId: name('clientId', clientId),
    groupId: name('groupId', groupId),
  };
}

const remembered = new WeakMap<object, HopSettings>();
const defaults = {};

/** Returns the settings of an options object that is handed in with every call. */
export function rememberedSettings(options: HopOptions | undefined): HopSettings {
  const key = options ?? defaults;
  if (typeof key !== 'object' || key === null) return hopSettings(key, scope);
  let settings = remembered.get(key);
  if (settings === undefined) remembered.set(key, (settings = hopSettings(key, scope)));
  return settings;
}

function name(option: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrong(option, 'a name');
}

function wrong(option: string, takes: string): ThroughlineError {
  return new ThroughlineError('ERR_THROUGHLINE_OPTION', `\`${option}\` takes ${takes}.`);
}
