import { createContextKey } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { layered } from '@throughline/core/adapter';
import type { MessageLike } from './message.ts';

/** What the message that is being handled says of where to answer. */
interface Request {
  readonly replyTo: string;
  readonly correlationId: unknown;
}

// By `Symbol.for`, so that two loaded copies of this package share it.
const REQUEST = createContextKey('throughline.amqplib.request');

/** Returns the context of a message, with where it wants its answer. */
export function withRequest(context: Context, { properties }: MessageLike): Context {
  const { replyTo, correlationId } = properties;
  if (typeof replyTo !== 'string' || replyTo === '') return context;
  const request: Request = { replyTo, correlationId };
  return layered(context).setValue(REQUEST, request);
}

/** Whether a message answers the one that is being handled: it goes to its `replyTo`, with its `correlationId`. */
export function isAnswer(context: Context, exchange: string, routingKey: string, correlationId: unknown): boolean {
  if (exchange !== '') return false;
  const request = context.getValue(REQUEST) as Request | undefined;
  return (
    request?.replyTo === routingKey && (request.correlationId === undefined || request.correlationId === correlationId)
  );
}
