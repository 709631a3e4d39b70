import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_KAFKA_MESSAGE_KEY,
  ATTR_KAFKA_MESSAGE_TOMBSTONE,
  ATTR_KAFKA_OFFSET,
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
import type { MessageLike } from './message.ts';
import type { ConsumerSettings } from './options.ts';

/** Returns what a `process` span says of where its messages come from; `age` is in milliseconds. */
export function processAttributes(
  topic: string,
  partition: unknown,
  age: number | undefined,
  settings: ConsumerSettings,
): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: KAFKA,
    [ATTR_MESSAGING_OPERATION_NAME]: 'process',
    [ATTR_MESSAGING_OPERATION_TYPE]: 'process',
    [ATTR_MESSAGING_DESTINATION_NAME]: topic,
    [ATTR_MESSAGING_DESTINATION_PARTITION_ID]: String(partition),
  };
  if (settings.groupId !== undefined) attributes[ATTR_MESSAGING_CONSUMER_GROUP_NAME] = settings.groupId;
  if (settings.clientId !== undefined) attributes[ATTR_MESSAGING_CLIENT_ID] = settings.clientId;
  if (age !== undefined) attributes[ATTR_QUEUE_DURATION] = age / 1000;
  return attributes;
}

/** Adds what tells one message: key, offset, tombstone. */
export function addMessage(attributes: Attributes, message: MessageLike): void {
  const { key, value, offset } = message;
  const text = key === undefined || key === null ? undefined : keyText(key);
  if (text !== undefined) attributes[ATTR_KAFKA_MESSAGE_KEY] = text;
  const number = offsetNumber(offset);
  if (number !== undefined) attributes[ATTR_KAFKA_OFFSET] = number;
  if (value === null) attributes[ATTR_KAFKA_MESSAGE_TOMBSTONE] = true;
}
