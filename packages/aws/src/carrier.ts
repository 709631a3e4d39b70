import type { Context } from '@opentelemetry/api';
import type { HopOptions } from '@throughline/core';
import { messageContext, messageFields } from '@throughline/core/messaging';
import { writeAttributes } from './attributes.ts';
import type { MessageAttribute, MessageAttributes } from './attributes.ts';
import { headersIn } from './message.ts';
import type { MessageLike } from './message.ts';
import { rememberedSettings } from './options.ts';
import type { InjectOptions } from './options.ts';
import { sqs } from './systems.ts';

/**
 * Returns a copy of message attributes that carries the active trace context and baggage, for a client that is not wrapped. Opens no
 * span. With no active span, valid fields that are there stay. Throws a `LineageError` where the chain is past a limit and `lineage`
 * enforces it.
 *
 * @example
 * ```ts
 * await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes: injectAttributes() }));
 * ```
 */
export function injectAttributes(attributes?: Readonly<MessageAttributes>, options?: InjectOptions): MessageAttributes {
  const queue = options?.queue;
  return writeAttributes(
    attributes,
    messageFields(sqs, queue, rememberedSettings(options)),
    queue ?? 'a queue or topic',
  );
}

/**
 * Returns the context that a received message was created in, with its baggage, on an otherwise empty context: of a message that
 * `ReceiveMessage` gave, or a record of a Lambda event of SQS or SNS. Never throws. Opens no span.
 *
 * @example
 * ```ts
 * context.with(extractContext(message), () => handle(message));
 * ```
 */
export function extractContext(message: MessageLike | null | undefined, options?: HopOptions): Context {
  let headers: unknown;
  try {
    headers = message === null || message === undefined ? undefined : headersIn(message, true);
  } catch {
    // A getter of the message threw.
  }
  return messageContext(sqs, headers, rememberedSettings(options));
}

/**
 * Returns the attributes of a received message as the SDK sends them, for a dead-letter or retry queue of your own: those of a Lambda
 * record are in another form.
 *
 * @example
 * ```ts
 * await sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: record.body, MessageAttributes: forwardAttributes(record) }));
 * ```
 */
export function forwardAttributes(message: MessageLike | null | undefined): MessageAttributes {
  const copy: MessageAttributes = {};
  try {
    const { MessageAttributes: published } = (message?.Sns ?? {}) as MessageLike;
    const held = message?.MessageAttributes ?? message?.messageAttributes ?? published ?? {};
    for (const [name, attribute] of Object.entries(held as Record<string, unknown>)) {
      const sent = sendable(attribute);
      if (sent !== undefined)
        Object.defineProperty(copy, name, { value: sent, writable: true, enumerable: true, configurable: true });
    }
  } catch {
    // Attributes that cannot be read: a getter threw.
  }
  return copy;
}

function sendable(attribute: unknown): MessageAttribute | undefined {
  if (typeof attribute !== 'object' || attribute === null) return undefined;
  const held = attribute as Readonly<Record<string, unknown>>;
  const type = held['DataType'] ?? held['dataType'] ?? held['Type'];
  if (typeof type !== 'string') return undefined;
  const value = held['Value'];
  const isBytes = type === 'Binary' || type.startsWith('Binary.');
  const text = held['StringValue'] ?? held['stringValue'] ?? (isBytes ? undefined : value);
  if (typeof text === 'string') return { DataType: type, StringValue: text };
  const bytes = held['BinaryValue'] ?? held['binaryValue'] ?? value;
  if (typeof bytes === 'string') return { DataType: type, BinaryValue: Buffer.from(bytes, 'base64') };
  return bytes instanceof Uint8Array ? { DataType: type, BinaryValue: bytes } : undefined;
}
