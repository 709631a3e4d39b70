import { holdsFields, messageHeaders, writeRecord } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import { copyOfInstance, isPlain } from './copy.ts';
import type { MessageLike } from './message.ts';

const MESSAGE_MEMBERS = ['key', 'value', 'partition', 'timestamp', 'headers'];

// kafkajs encodes the headers of each message anew. Where so many messages hold the same fields it is given bytes, which takes it a
// sixth less than text. In fewer, text is what people find in logs and mocks.
const BYTES_FROM = 8;

/** How kafkajs takes a message: headers are a record. */
export const recordHeaders: MessageShape = {
  reader: messageHeaders,
  headers(message) {
    if (typeof message !== 'object' || message === null) return null;
    const { headers } = message as MessageLike;
    return headers === undefined || typeof headers === 'object' ? headers : null;
  },
  holdsFields,
  writer({ fields, mode, keepsValid, foreign }, count) {
    const values: Record<string, string | Buffer> = count < BYTES_FROM ? fields : inBytes(fields);
    const written = { fields: values, mode, keepsValid, foreign };
    return (message, headers) =>
      withHeaders(message, writeRecord(headers as Record<string, unknown> | undefined, written));
  },
};

function inBytes(fields: Readonly<Record<string, string>>): Record<string, Buffer> {
  const bytes: Record<string, Buffer> = {};
  for (const name of Object.keys(fields)) bytes[name] = Buffer.from(fields[name] as string);
  return bytes;
}

function withHeaders(message: object, headers: object): object {
  return isPlain(message) ? { ...message, headers } : copyOfInstance(message, MESSAGE_MEMBERS, 'headers', headers);
}
