import type { Span } from '@opentelemetry/api';
import { printable } from '@throughline/core/adapter';
import type { MessagingSystem } from '@throughline/core/messaging';
import {
  ATTR_DEATHS,
  ATTR_MESSAGING_BODY_SIZE,
  ATTR_MESSAGING_CONVERSATION_ID,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RABBITMQ_DELIVERY_TAG,
  ATTR_REDELIVERED,
  REPLY_CODES,
} from './conventions.ts';

/** The part of amqplib's `Message` that is read here. */
export interface MessageLike {
  readonly content?: Uint8Array | undefined;
  readonly fields: {
    readonly deliveryTag?: number | undefined;
    readonly redelivered?: boolean | undefined;
    readonly exchange?: string | undefined;
    readonly routingKey?: string | undefined;
  };
  readonly properties: {
    /** Tables, numbers, bytes, and whatever else AMQP has: see {@link forwardHeaders}. */
    readonly headers?: object | null | undefined;
    readonly replyTo?: unknown;
    readonly correlationId?: unknown;
    readonly messageId?: unknown;
    /** Seconds since 1970, as AMQP has it; some producers set milliseconds. */
    readonly timestamp?: unknown;
  };
}

/** Who is at the other end of a channel's connection. */
export interface BrokerAddress {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** What is told of a message: one that was received, or one to send, whose properties are the options of `publish`. */
export interface Described {
  readonly content?: unknown;
  readonly fields?: MessageLike['fields'] | undefined;
  readonly properties?: Pick<MessageLike['properties'], 'messageId' | 'correlationId' | 'headers'> | undefined;
  readonly broker?: BrokerAddress | undefined;
}

/** RabbitMQ, for all of its clients. */
export const rabbitmq: MessagingSystem = {
  name: 'rabbitmq',
  transport: 'rabbitmq',
  describe(span, message) {
    const { content, fields, properties, broker } = message as Described;
    tellText(span, ATTR_MESSAGING_MESSAGE_ID, properties?.messageId);
    tellText(span, ATTR_MESSAGING_CONVERSATION_ID, properties?.correlationId);
    if (content instanceof Uint8Array) span.setAttribute(ATTR_MESSAGING_BODY_SIZE, content.byteLength);
    if (broker?.address !== undefined) span.setAttribute(ATTR_NETWORK_PEER_ADDRESS, broker.address);
    if (broker?.port !== undefined) span.setAttribute(ATTR_NETWORK_PEER_PORT, broker.port);
    if (fields === undefined) return;
    if (typeof fields.deliveryTag === 'number') span.setAttribute(ATTR_RABBITMQ_DELIVERY_TAG, fields.deliveryTag);
    if (fields.redelivered === true) span.setAttribute(ATTR_REDELIVERED, true);
    const deaths = deathsOf(properties?.headers);
    if (deaths > 0) span.setAttribute(ATTR_DEATHS, deaths);
  },
};

const MAX_TEXT = 256;

function tellText(span: Span, name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') span.setAttribute(name, printable(value, MAX_TEXT));
}

/** Returns how often a message was dead-lettered, by its `x-death`. https://www.rabbitmq.com/docs/dlx#effects */
function deathsOf(headers: object | null | undefined): number {
  const deaths: unknown = (headers as Readonly<Record<string, unknown>> | null | undefined)?.['x-death'];
  if (!Array.isArray(deaths)) return 0;
  let count = 0;
  for (const death of deaths as ({ readonly count?: unknown } | null)[]) {
    if (typeof death?.count === 'number') count += death.count;
  }
  return count;
}

// Past the year 5000 in seconds, and in 1973 in milliseconds.
const MOST_SECONDS = 100_000_000_000;

/** Returns when a message was sent, in milliseconds since 1970, whether its producer set seconds, as AMQP says, or milliseconds. */
export function sentAt(timestamp: unknown): number | undefined {
  if (typeof timestamp !== 'number') return undefined;
  return timestamp < MOST_SECONDS ? timestamp * 1000 : timestamp;
}

/**
 * Returns the class of an error of amqplib: the name of AMQP's reply code, such as `NOT_FOUND`; `nack` for a message that the broker
 * did not take, `channel_closed` for one that it said nothing of any more. For others `undefined`, so that core decides.
 */
export function amqpErrorType(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'number') return REPLY_CODES[code];
  if (message === 'message nacked') return 'nack';
  return message === 'channel closed' ? 'channel_closed' : undefined;
}

/** Whether a value is a message: what a consumer is given when it is cancelled is none. */
export function isMessage(value: unknown): value is MessageLike {
  if (typeof value !== 'object' || value === null) return false;
  const { fields, properties } = value as Partial<MessageLike>;
  return typeof fields === 'object' && fields !== null && typeof properties === 'object' && properties !== null;
}
