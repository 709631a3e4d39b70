import type { Attributes, Span } from '@opentelemetry/api';
import {
  ATTR_MESSAGING_BATCH_MESSAGE_COUNT,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_CONSUMER_GROUP_NAME,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_PARTITION_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_QUEUE_DURATION,
} from './conventions.ts';
import type { MessagingSystem } from './system.ts';

/** Who sends or receives: what a client was given at construction. */
export interface MessagingClient {
  readonly system: MessagingSystem;
  readonly clientId: string | undefined;
  /** Consumers alone have one; known at once, or once the consumer joins. */
  readonly groupId?: string | undefined;
  /** Whether spans say the keys of messages. */
  readonly recordKey: boolean;
}

/*
 * What a span says at its start is what the messaging conventions name for samplers: that is all that a span costs which
 * nobody records. The rest is added to one that is recorded.
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */

/** Returns what a `process` span says at its start. */
export function processAttributes(topic: string, partition: number | undefined, client: MessagingClient): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: client.system.name,
    [ATTR_MESSAGING_OPERATION_NAME]: 'process',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
  };
  if (partition !== undefined) attributes[ATTR_MESSAGING_DESTINATION_PARTITION_ID] = String(partition);
  if (client.groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = client.groupId;
  return attributes;
}

/** Returns what a `send` or `create` span says at its start. */
export function sendAttributes(topic: string, operation: 'send' | 'create', system: MessagingSystem): Attributes {
  return {
    [ATTR_MESSAGING_SYSTEM]: system.name,
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
    [ATTR_MESSAGING_SYSTEM]: client.system.name,
    [ATTR_MESSAGING_OPERATION_NAME]: 'settle',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'settle',
  };
  if (topic !== undefined) attributes[ATTR_MESSAGING_DESTINATION_NAME] = topic;
  if (groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = groupId;
  if (client.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = client.clientId;
  return attributes;
}

/** Tells a recorded span who sends or handles one message, what message it is, and how many milliseconds it waited. */
export function describeMessage(span: Span, message: unknown, by: MessagingClient, age?: number): void {
  describeClient(span, by, age);
  // May throw: a key may be of any kind, and be one that cannot be looked at.
  if (typeof message === 'object' && message !== null) by.system.describe(span, message, by.recordKey);
}

/** Tells a recorded span who sends or handles messages, how many, and how many milliseconds the first waited. */
export function describeMessages(span: Span, count: number, by: MessagingClient, age?: number): void {
  describeClient(span, by, age);
  span.setAttribute(ATTR_MESSAGING_BATCH_MESSAGE_COUNT, count);
}

/** Where the broker put messages of one topic, as its client's answer says. */
export interface Place {
  readonly topic: unknown;
  readonly partition?: unknown;
  /** Of the first message. */
  readonly offset?: unknown;
}

/** Tells a recorded span where the broker put its messages, when that is one place; more of it where it is one message. */
export function describePlace(
  span: Span,
  topic: string,
  count: number,
  places: Iterable<Place>,
  system: MessagingSystem,
): void {
  let only: Place | undefined;
  for (const place of places) {
    if (place.topic !== topic) continue;
    if (only !== undefined) return;
    only = place;
  }
  if (only === undefined || typeof only.partition !== 'number') return;
  span.setAttribute(ATTR_MESSAGING_DESTINATION_PARTITION_ID, String(only.partition));
  if (count === 1) system.describe(span, only, false);
}

function describeClient(span: Span, { clientId }: MessagingClient, age: number | undefined): void {
  if (clientId !== undefined) span.setAttribute(ATTR_MESSAGING_CLIENT_ID, clientId);
  if (age !== undefined) span.setAttribute(ATTR_QUEUE_DURATION, age / 1000);
}
