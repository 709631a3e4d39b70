import { kafka, receiverSettings, senderSettings } from '@throughline/core/messaging';
import type {
  Place,
  ReceivedMessage,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
} from '@throughline/core/messaging';
import { errorTypeOf, headersOf } from './message.ts';
import type { MessageLike } from './message.ts';
import { mapHeaders } from './shape.ts';
import { encoderOf } from './encoder.ts';

/** The instrumentation scope of this package's spans. */
export const scope = { name: '@throughline/platformatic-kafka', version: '0.0.0' } as const;

/** The options of {@link traceProducer}. */
export interface ProducerOptions extends SenderOptions {
  /**
   * What the producer's header serializers take. Default: found out from the producer; `buffer` where it has none. Name it for
   * a producer whose serializers are told to each call.
   */
  readonly headers?: 'buffer' | 'string' | undefined;
}

/** The options of {@link traceConsumer} and `tracedMessage`. */
export type ConsumerOptions = ReceiverOptions<MessageLike>;

/** A consumer's options, checked. */
export type ConsumerSettings = Receiver<MessageLike>;

/** Returns the settings of one wrapped producer. Throws a `ThroughlineError` for a wrong option. */
export function producerSettings(producer: object, options: ProducerOptions | undefined): Sender {
  const shape = mapHeaders(encoderOf(producer, options?.headers));
  const kind = { scope, system: kafka, errorType: errorTypeOf, shape, places, suppresses: always };
  const settings = senderSettings(options, kind, ['headers']);
  return settings.clientId === undefined ? { ...settings, clientId: nameOf(producer, 'clientId') } : settings;
}

// What instruments this client listens on its diagnostics channels, which nobody can tell from here.
const always = (): boolean => true;

/** Returns the settings of one wrapped consumer or handler. Throws a `ThroughlineError` for a wrong option. */
export function consumerSettings(consumer: object | undefined, options: ConsumerOptions | undefined): ConsumerSettings {
  const settings = receiverSettings(options, { scope, system: kafka, errorType: errorTypeOf, messageOf });
  if (consumer === undefined) return settings;
  return {
    ...settings,
    clientId: settings.clientId ?? nameOf(consumer, 'clientId'),
    groupId: settings.groupId ?? nameOf(consumer, 'groupId'),
  };
}

/** Where the broker put what was sent, as the client's answer says. */
function places(answer: unknown): Place[] {
  const { offsets } = (answer ?? {}) as { offsets?: unknown };
  return Array.isArray(offsets) ? (offsets as Place[]) : [];
}

function messageOf(message: MessageLike): ReceivedMessage | undefined {
  const { topic, partition, timestamp, key, value, offset } = message;
  if (typeof topic !== 'string') return undefined;
  // The client gives `undefined` for a value that is null.
  const told = { key, value: value ?? null, offset };
  return { topic, partition, timestamp, headers: headersOf(message), message: told };
}

function nameOf(client: object, member: 'clientId' | 'groupId'): string | undefined {
  const value: unknown = (client as Record<string, unknown>)[member];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
