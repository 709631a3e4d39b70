import { printable } from '../printable.ts';
import type { MessagingSystem } from './system.ts';

// https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
const ATTR_KAFKA_MESSAGE_KEY = 'messaging.kafka.message.key';
const ATTR_KAFKA_MESSAGE_TOMBSTONE = 'messaging.kafka.message.tombstone';
const ATTR_KAFKA_OFFSET = 'messaging.kafka.offset';

/** What is told of a Kafka message. */
export interface KafkaMessage {
  readonly key?: unknown;
  /** `null` in a tombstone. */
  readonly value?: unknown;
  readonly offset?: unknown;
}

/** Kafka, for all of its clients. */
export const kafka: MessagingSystem = {
  name: 'kafka',
  transport: 'kafka',
  describe(span, message, recordKey) {
    const { key, value, offset } = message as KafkaMessage;
    const text = !recordKey || key === undefined || key === null ? undefined : keyText(key);
    if (text !== undefined) span.setAttribute(ATTR_KAFKA_MESSAGE_KEY, text);
    const number = offset === undefined ? undefined : offsetNumber(offset);
    if (number !== undefined) span.setAttribute(ATTR_KAFKA_OFFSET, number);
    if (value === null) span.setAttribute(ATTR_KAFKA_MESSAGE_TOMBSTONE, true);
  },
};

// Longer keys are not names of anything.
const MAX_KEY = 1024;

/** Returns a message's key as text for an attribute; `undefined` where it is none, or bytes that are not printable text. */
function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key.length <= MAX_KEY && isPrintable(key) ? key : undefined;
  if (!(key instanceof Uint8Array) || key.byteLength > MAX_KEY) return undefined;
  const text = utf8.decode(key);
  return isPrintable(text) ? text : undefined;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

// Invalid UTF-8 decodes to U+FFFD.
function isPrintable(text: string): boolean {
  return printable(text) === text && !text.includes('\uFFFD');
}

/** Returns an offset as an integer attribute; `undefined` past the integers that a number holds. */
export function offsetNumber(offset: unknown): number | undefined {
  if (typeof offset !== 'bigint' && (typeof offset !== 'string' || offset === '')) return undefined;
  const value = Number(offset);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
