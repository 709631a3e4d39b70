import type { Attributes } from '@opentelemetry/api';
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

/** Returns what a `process` span says of where its messages come from; `age` is in milliseconds. */
export function processAttributes(
  topic: string,
  partition: unknown,
  age: number | undefined,
  client: MessagingClient,
): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: 'process',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
    [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(partition),
  };
  if (client.groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = client.groupId;
  if (client.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = client.clientId;
  if (age !== undefined) attributes[ATTR_QUEUE_DURATION] = age / 1000;
  return attributes;
}

/** Returns what a `send` or `create` span says; `message` where it is about one. */
export function sendAttributes(
  topic: string,
  operation: 'send' | 'create',
  message: DescribedMessage | undefined,
  count: number,
  client: MessagingClient,
): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: operation,
    [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
  };
  if (client.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = client.clientId;
  if (count !== 1) attributes[ATTR_MESSAGING_BATCH_MESSAGE_COUNT] = count;
  if (message !== undefined) addMessage(attributes, message);
  return attributes;
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

/** Adds what tells one message: key, offset, tombstone. */
export function addMessage(attributes: Attributes, message: DescribedMessage): void {
  const { key, value, offset } = message;
  const text = key === undefined || key === null ? undefined : keyText(key);
  if (text !== undefined) attributes[ATTR_KAFKA_MESSAGE_KEY] = text;
  const number = offset === undefined ? undefined : offsetNumber(offset);
  if (number !== undefined) attributes[ATTR_KAFKA_OFFSET] = number;
  if (value === null) attributes[ATTR_KAFKA_MESSAGE_TOMBSTONE] = true;
}
