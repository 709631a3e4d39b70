import type { ReceivedMessage } from '@throughline/core/messaging';
import { messageHeaders } from '@throughline/core/adapter';
import { headersOf } from './attributes.ts';
import { DETAIL_MEMBER, jsonObject } from './detail.ts';
import { xrayTraceparent } from './xray.ts';

/** The part of a message that is read here: one that `ReceiveMessage` gives, or a record of a Lambda event of SQS or SNS. */
export interface MessageLike {
  readonly MessageId?: string | undefined;
  readonly messageId?: string | undefined;
  readonly MessageAttributes?: object | undefined;
  readonly messageAttributes?: object | undefined;
  readonly Attributes?: object | undefined;
  readonly attributes?: object | undefined;
  readonly Body?: string | undefined;
  readonly body?: string | undefined;
  /** Of a record of SNS. */
  readonly Sns?: object | undefined;
}

/** Returns a message as a hop sees it. May throw, where a getter of it does. */
export function receivedMessage(message: object, topic: string, xray: boolean): ReceivedMessage {
  const held = message as MessageLike;
  const sns = held.Sns as Readonly<Record<string, unknown>> | undefined;
  const system = (held.Attributes ?? held.attributes) as Readonly<Record<string, unknown>> | undefined;
  const id = held.MessageId ?? held.messageId ?? sns?.['MessageId'];
  const time = sns?.['Timestamp'];
  return {
    topic,
    timestamp: typeof time === 'string' ? Date.parse(time) : system?.['SentTimestamp'],
    headers: headersIn(held, xray),
    message: { MessageId: id },
  };
}

/** Returns the headers of a message, in whichever place they came. */
export function headersIn(message: MessageLike, xray: boolean): Record<string, unknown> {
  const { Sns: sns } = message as { Sns?: { MessageAttributes?: unknown; Message?: unknown } };
  const attributes = message.MessageAttributes ?? message.messageAttributes ?? sns?.MessageAttributes;
  const headers = headersOf(attributes);
  if (messageHeaders.read(headers, 'traceparent') !== undefined) return headers;
  const inside = envelopeHeaders(message.Body ?? message.body ?? sns?.Message);
  // What the message itself holds of them stays.
  const found = inside === undefined ? headers : Object.assign(inside, headers);
  const { AWSTraceHeader: trace } = (message.Attributes ?? message.attributes ?? {}) as { AWSTraceHeader?: unknown };
  return xray ? withXray(found, trace) : found;
}

/** Returns headers with X-Ray's context where they have none. */
export function withXray(headers: Record<string, unknown>, trace: unknown): Record<string, unknown> {
  const traceparent = xrayTraceparent(trace);
  if (traceparent !== undefined && messageHeaders.read(headers, 'traceparent') === undefined) {
    headers['traceparent'] = traceparent;
  }
  return headers;
}

// SNS and EventBridge write the names at the start and, of an event, `detail` at the end. A body that is none of theirs is not parsed.
const NOTIFICATION = /^\s*\{\s*"Type"\s*:\s*"Notification"/;
const EVENT = /^\s*\{\s*"version"\s*:\s*"0"/;

/**
 * Returns the headers of a message that SNS, or a rule of EventBridge, put into a queue as a document: their attributes, or the
 * member of their detail, are in the body then. `undefined` for any other body.
 */
function envelopeHeaders(body: unknown): Record<string, unknown> | undefined {
  if (typeof body !== 'string') return undefined;
  if (NOTIFICATION.test(body)) {
    const { MessageAttributes: attributes } = jsonObject(body) ?? {};
    return headersOf(attributes);
  }
  return EVENT.test(body) && body.includes(`"${DETAIL_MEMBER}"`) ? detailHeaders(jsonObject(body)) : undefined;
}

/** Returns the headers of an event of EventBridge. */
export function detailHeaders(event: unknown): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>;
  const { detail } = (event ?? {}) as { detail?: unknown };
  const member = (detail as Readonly<Record<string, unknown>> | null | undefined)?.[DETAIL_MEMBER];
  if (typeof member !== 'object' || member === null) return headers;
  for (const name of Object.keys(member)) {
    const value = (member as Record<string, unknown>)[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}
