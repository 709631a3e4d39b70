import { holdsFields } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import { attributeReader, withFields, writeAttributes } from './attributes.ts';
import { fitting } from './size.ts';

/** Returns how messages of SQS and SNS hold their headers, in calls whose fields may take so many bytes in each message. */
export function attributeShape(slack: number): MessageShape {
  return {
    reader: attributeReader,
    headers(message) {
      if (typeof message !== 'object' || message === null) return null;
      const { MessageAttributes: held, PhoneNumber: phone } = message as Readonly<Record<string, unknown>>;
      // A text message has no place for them.
      if (phone !== undefined) return null;
      if (held === undefined || held === null) return undefined;
      return typeof held === 'object' ? held : null;
    },
    holdsFields,
    writer(written) {
      const fields = fitting(written.fields, slack, 'a queue or topic');
      return (message, held) => {
        const attributes = writeAttributes(held, withFields(written, fields), 'a queue or topic');
        return isPlain(message)
          ? { ...message, MessageAttributes: attributes }
          : (Object.create(message, { MessageAttributes: { value: attributes, enumerable: true } }) as unknown);
      };
    },
  };
}

/** Returns whether a spread copies all of an object: it is no instance of a class. */
export function isPlain(source: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(source);
  return prototype === Object.prototype || prototype === null;
}
