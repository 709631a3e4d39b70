import { holdsFields, messageHeaders, writeMap, writeRecord } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import type { HeaderEncoder } from './encoder.ts';

/** How the client takes a message: headers are a Map, or a record. */
export function mapHeaders({ key, value }: HeaderEncoder): MessageShape {
  return {
    reader: messageHeaders,
    headers(message) {
      if (typeof message !== 'object' || message === null || key === undefined || value === undefined) return null;
      const { headers } = message as { headers?: unknown };
      return headers === undefined || (typeof headers === 'object' && headers !== null) ? headers : null;
    },
    holdsFields,
    writer({ fields, mode, keepsValid, foreign }) {
      if (key === undefined || value === undefined) return (message) => message;
      const written = { fields: encoded(fields, value), mode, keepsValid, foreign };
      return (message, headers) => ({
        ...message,
        headers:
          headers === undefined || headers instanceof Map
            ? writeMap(headers, written, key)
            : writeRecord(headers as Record<string, unknown>, written),
      });
    },
  };
}

/** Returns the fields of a hop with values as a producer's serializers take them. */
export function encoded(
  fields: Readonly<Record<string, string>>,
  value: (text: string) => unknown,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) values[name] = value(fields[name] as string);
  return values;
}
