import type { Attributes, Span } from '@opentelemetry/api';
import type { HopSettings } from '../policy/settings.ts';
import {
  ATTR_KAFKA_MESSAGE_KEY,
  ATTR_KAFKA_MESSAGE_TOMBSTONE,
  ATTR_KAFKA_OFFSET,
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_QUEUE_DURATION,
  KAFKA,
} from './conventions.ts';
import { telemetryFailed } from './failed.ts';
import { keyText, offsetNumber } from './message.ts';

/** Who sends or receives: what a client was given at construction. */
export interface MessagingClient {
  readonly clientId: string | undefined;
  /** Consumers alone have one; known at once, or once the consumer joins. */
  readonly groupId?: string | undefined;
}

/** What is told of one message. */
export interface DescribedMessage {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly offset?: unknown;
}

/*
 * What a span says at its start is what the messaging conventions name for samplers: that is all that a span costs which
 * nobody records. The rest is added to one that is recorded.
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */

/** Returns what a `process` span says at its start. */
export function processAttributes(topic: string, partition: unknown, client: MessagingClient): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: 'process',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
    [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(partition),
  };
  if (client.groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = client.groupId;
  return attributes;
}

/** Returns what a `send` or `create` span says at its start. */
export function sendAttributes(topic: string, operation: 'send' | 'create'): Attributes {
  return {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: operation,
    [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
  };
}

/** Returns what a `settle` span says: offsets that are committed for a group. */
export function settleAttributes(
  topic: string | undefined,
  groupId: string | undefined,
  client: MessagingClient,
): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: 'settle',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'settle',
  };
  if (topic !== undefined) attributes[ATTR_MESSAGING_DESTINATION_NAME] = topic;
  if (groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = groupId;
  if (client.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = client.clientId;
  return attributes;
}

/** Who tells a span more: a sender or a receiver. */
export interface Describer extends MessagingClient {
  readonly hop: HopSettings;
}

/** Whether a span may be told more: it is recorded, and one of ours. Under `spans: false` it is the caller's. */
export function isDescribed(span: Span, { hop }: Describer): boolean {
  return hop.spans && span.isRecording();
}

/** Tells a span who sends or handles one message, what message it is, and how many milliseconds it waited. Never throws. */
export function describeMessage(span: Span, message: DescribedMessage, by: Describer, age?: number): void {
  if (!isDescribed(span, by)) return;
  describeClient(span, by, age);
  // A key may be of any kind, and be one that cannot be looked at.
  try {
    const { key, value, offset } = message;
    const text = key === undefined || key === null ? undefined : keyText(key);
    if (text !== undefined) span.setAttribute(ATTR_KAFKA_MESSAGE_KEY, text);
    const number = offset === undefined ? undefined : offsetNumber(offset);
    if (number !== undefined) span.setAttribute(ATTR_KAFKA_OFFSET, number);
    if (value === null) span.setAttribute(ATTR_KAFKA_MESSAGE_TOMBSTONE, true);
  } catch (thrown) {
    telemetryFailed(thrown);
  }
}

/** Tells a span who sends or handles messages, how many, and how many milliseconds the first waited. */
export function describeMessages(span: Span, count: number, by: Describer, age?: number): void {
  if (!isDescribed(span, by)) return;
  describeClient(span, by, age);
  span.setAttribute(ATTR_MESSAGING_BATCH_MESSAGE_COUNT, count);
}

/** Where the broker put messages: the offset of the first. */
export interface Place {
  readonly partition: number;
  readonly offset: unknown;
}

/** Tells a span that is described where the broker put messages; the offset where it is one message. */
export function describePlace(span: Span, { partition, offset }: Place, count: number): void {
  span.setAttribute(ATTR_MESSAGING_DESTINATION_PARTITION_ID, String(partition));
  const number = count === 1 ? offsetNumber(offset) : undefined;
  if (number !== undefined) span.setAttribute(ATTR_KAFKA_OFFSET, number);
}

function describeClient(span: Span, { clientId }: Describer, age: number | undefined): void {
  if (clientId !== undefined) span.setAttribute(ATTR_MESSAGING_CLIENT_ID, clientId);
  if (age !== undefined) span.setAttribute(ATTR_QUEUE_DURATION, age / 1000);
}
