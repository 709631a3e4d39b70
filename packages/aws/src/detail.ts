import { holdsFields, messageHeaders, writeRecord } from '@throughline/core/adapter';
import type { MessageShape } from '@throughline/core/messaging';
import { withFields } from './attributes.ts';
import { fitting } from './size.ts';

/** The member of an event's detail that holds the fields: an event has nothing else that reaches its targets. */
export const DETAIL_MEMBER = '_trace';

interface Entry {
  readonly Detail?: unknown;
}

/** Returns how events hold their fields, in calls whose fields may take so many bytes in each; `null` headers where `writes` is false. */
export function detailShape(slack: number, writes: boolean): MessageShape {
  return {
    reader: messageHeaders,
    headers(entry) {
      if (!writes) return null;
      const detail = detailOf(entry);
      if (detail === undefined) return null;
      const held = detail[DETAIL_MEMBER];
      return typeof held === 'object' && held !== null ? held : undefined;
    },
    holdsFields,
    writer(written) {
      const fields = fitting(written.fields, slack, 'an event bus', jsonBytes);
      return (entry, held) => {
        const record = writeRecord(held as Record<string, unknown> | undefined, withFields(written, fields));
        return { ...entry, Detail: withMember(String((entry as Entry).Detail), record) };
      };
    },
  };
}

// The member, its braces and a comma, shared out to the fields.
function jsonBytes(name: string, value: string): number {
  return JSON.stringify(name).length + JSON.stringify(value).length + 2 + DETAIL_MEMBER.length + 6;
}

/** Returns the detail of an entry of `PutEvents`, or `undefined` where it is no JSON object: EventBridge reports that. */
function detailOf(entry: unknown): Record<string, unknown> | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { Detail: text } = entry as Entry;
  return typeof text === 'string' ? jsonObject(text) : undefined;
}

/** Returns the object that a text is in JSON, or `undefined`. */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a JSON object as text with the member in it. All else stays as it is written: JSON.parse would round large numbers. */
function withMember(text: string, record: Record<string, unknown>): string {
  let rest = text;
  const given = jsonObject(text) ?? {};
  if (Object.hasOwn(given, DETAIL_MEMBER) && JSON.stringify(given) === text) {
    delete given[DETAIL_MEMBER];
    rest = JSON.stringify(given);
  }
  // One that cannot be taken out without rounding numbers is made empty.
  if (Object.keys(record).length === 0 && (rest !== text || !Object.hasOwn(given, DETAIL_MEMBER))) return rest;
  // At the end: of a name that comes twice the last counts.
  const end = rest.lastIndexOf('}');
  const isEmpty = Object.keys(jsonObject(rest) ?? {}).length === 0;
  return `${rest.slice(0, end).trimEnd()}${isEmpty ? '' : ','}"${DETAIL_MEMBER}":${JSON.stringify(record)}}`;
}
