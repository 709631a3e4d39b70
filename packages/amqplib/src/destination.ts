import type { Attributes } from '@opentelemetry/api';
import type { Receiver, Sender } from '@throughline/core/messaging';
import {
  ATTR_MESSAGING_DESTINATION_ANONYMOUS,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_TEMPORARY,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_RABBITMQ_ROUTING_KEY,
} from './conventions.ts';
import { rabbitmq } from './message.ts';

/*
 * Where a message goes, and where it came from:
 *
 *     publish(exchange, routing key) ──▶ exchange ──▶ queue ──▶ consume(queue)
 *
 * The attribute `messaging.destination.name` holds all that an end knows, joined by colons: `{exchange}:{routing key}` where a message
 * is sent, `{exchange}:{routing key}:{queue}` where it is received; what is empty or repeats is left out. Routing keys may hold
 * ids, so spans and metrics are named by the exchange, or the queue, alone.
 * https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
 */

/** The name of the default exchange, where there is no routing key either. */
const DEFAULT = 'amq.default';
/** In place of the name of a queue that goes with its connection: it is an id. */
export const TEMPORARY = '(temporary)';

type SendStart = ReturnType<Sender['start']>;
type ProcessStart = ReturnType<Receiver['start']>;

/** Whether the broker made the name of a queue, or it is where direct replies go. */
export function isServerNamed(queue: string): boolean {
  return queue.startsWith('amq.gen-') || queue.startsWith('amq.rabbitmq.reply-to');
}

/** Returns what a `send` says at its start. `temporary`: the queue that is named by the routing key goes with its connection. */
export function sendStart(exchange: string, routingKey: string, temporary: boolean): SendStart {
  const isTemporary = exchange === '' && temporary;
  const topic = exchange !== '' ? exchange : isTemporary ? TEMPORARY : routingKey || DEFAULT;
  const attributes = attributesOf('send', [exchange, routingKey], routingKey);
  if (isTemporary) tellTemporary(attributes, routingKey);
  const target = { transport: rabbitmq.transport, channel: 'broker', name: exchange || routingKey } as const;
  return { topic, name: `send ${topic}`, attributes: Object.freeze(attributes), target: Object.freeze(target) };
}

/** Returns what a `process` says at its start. */
export function processStart(queue: string, exchange: string, routingKey: string, temporary: boolean): ProcessStart {
  const topic = temporary ? TEMPORARY : queue || exchange || DEFAULT;
  const parts = queue === routingKey ? [exchange, routingKey] : [exchange, routingKey, queue];
  const attributes = attributesOf('process', parts, routingKey);
  if (temporary) tellTemporary(attributes, queue);
  const peer = Object.freeze({ name: queue });
  return {
    topic,
    partition: undefined,
    groupId: undefined,
    name: `process ${topic}`,
    attributes: Object.freeze(attributes),
    peer,
  };
}

function attributesOf(operation: 'send' | 'process', parts: readonly string[], routingKey: string): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM]: rabbitmq.name,
    [ATTR_MESSAGING_OPERATION_NAME]: operation,
    [ATTR_MESSAGING_OPERATION_TYPE]: operation,
    [ATTR_MESSAGING_DESTINATION_NAME]: parts.filter((part) => part !== '').join(':') || DEFAULT,
  };
  if (routingKey !== '') attributes[ATTR_RABBITMQ_ROUTING_KEY] = routingKey;
  return attributes;
}

function tellTemporary(attributes: Attributes, queue: string): void {
  attributes[ATTR_MESSAGING_DESTINATION_TEMPORARY] = true;
  if (isServerNamed(queue)) attributes[ATTR_MESSAGING_DESTINATION_ANONYMOUS] = true;
}
