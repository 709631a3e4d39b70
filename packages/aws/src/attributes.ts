import { holdsFields, messageHeaders, w3cFields, warnOncePer, writeRecord } from '@throughline/core/adapter';
import type { CarrierReader, WrittenFields } from '@throughline/core/adapter';

/*
 * Messages of SQS and SNS hold their headers as attributes: a name, a type, and text or bytes. One attribute has three forms:
 * `{ DataType, StringValue }` of the SDK, `{ dataType, stringValue }` of a Lambda event of SQS, `{ Type, Value }` of one of SNS.
 */

/** A message attribute, as the SDK takes it. */
export interface MessageAttribute {
  DataType: string | undefined;
  StringValue?: string | undefined;
  BinaryValue?: Uint8Array | undefined;
}

/** Message attributes, as the SDK takes them. */
export interface MessageAttributes {
  [name: string]: MessageAttribute;
}

/** More than ten, and SQS refuses the message; SNS does not deliver one with more to a queue that takes it raw. */
export const MAX_ATTRIBUTES = 10;

// What goes first where there is no room for all. Without `tracestate` a trace goes on; without `baggage`, its chain is not known.
const BY_IMPORTANCE: readonly string[] = ['traceparent', 'baggage', 'tracestate'];

/** Returns attributes, in any form, as headers: a record of text and bytes. Never throws. */
export function headersOf(attributes: unknown): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>;
  if (typeof attributes !== 'object' || attributes === null) return headers;
  try {
    for (const name of Object.keys(attributes)) {
      const value = valueOf((attributes as Record<string, unknown>)[name]);
      if (value !== undefined) headers[name] = value;
    }
  } catch {
    // A getter threw: what it would have said is not known.
  }
  return headers;
}

/** Reads attributes in any form. */
export const attributeReader: CarrierReader = {
  kind: 'message',
  read: (carrier, field) => messageHeaders.read(headersOf(carrier), field),
};

function valueOf(attribute: unknown): string | Uint8Array | undefined {
  if (typeof attribute !== 'object' || attribute === null) return undefined;
  const held = attribute as Readonly<Record<string, unknown>>;
  const text = held['StringValue'] ?? held['stringValue'];
  if (typeof text === 'string') return text;
  const bytes = held['BinaryValue'] ?? held['binaryValue'];
  if (bytes instanceof Uint8Array) return bytes;
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64');
  const value = held['Value'];
  if (typeof value !== 'string') return undefined;
  return held['Type'] === 'Binary' ? Buffer.from(value, 'base64') : value;
}

/** Returns the bytes that AWS counts for a field as an attribute: name, type and value. Fields are ASCII. */
export function attributeBytes(name: string, value: string): number {
  return name.length + 'String'.length + value.length;
}

/**
 * Returns a copy of the attributes of one message with the fields of a hop written, as far as there is room: `tracestate` is left out
 * first, then `baggage`, then `traceparent`. What is the user's own stays in any case.
 */
export function writeAttributes(
  attributes: object | undefined,
  written: WrittenFields,
  place: string,
): MessageAttributes {
  const given = (attributes ?? {}) as MessageAttributes;
  const names = [
    ...w3cFields,
    ...Object.keys(written.fields).map((name) => name.toLowerCase()),
    ...(written.foreign ?? []),
  ];
  const copy: MessageAttributes = {};
  const owned: Record<string, MessageAttribute> = {};
  let room = MAX_ATTRIBUTES;
  const holds = holdsFields(given, names);
  for (const name of Object.keys(given)) {
    const isOwned = holds && holdsFields({ [name]: true }, names);
    if (!isOwned) room--;
    define(isOwned ? owned : copy, name, given[name] as MessageAttribute);
  }
  const fields = roomFor(written.fields, room, place);
  // By core's rules of what stays and what goes, on the values as text.
  const result = writeRecord(holds ? headersOf(owned) : undefined, withFields(written, fields)) as Record<
    string,
    string
  >;
  for (const name of Object.keys(result)) {
    const isKept = Object.hasOwn(owned, name) && result[name] !== fields[name];
    define(copy, name, isKept ? (owned[name] as MessageAttribute) : { DataType: 'String', StringValue: result[name] });
  }
  return copy;
}

function roomFor(
  fields: Readonly<Record<string, string>>,
  room: number,
  place: string,
): Readonly<Record<string, string>> {
  const names = Object.keys(fields).filter((name) => fields[name] !== '');
  if (names.length <= room) return fields;
  const left = sorted(names).slice(Math.max(room, 0));
  warnOncePer(
    'aws-attributes-full',
    place,
    `a message to ${place} has ${MAX_ATTRIBUTES - room} attributes of its own, and ${MAX_ATTRIBUTES} are the most: ${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} left out. Put some of yours into the body.`,
  );
  return without(fields, left);
}

/** Returns what to write with other fields. A hop has its members by getters, which a spread does not copy. */
export function withFields(
  { mode, keepsValid, foreign }: WrittenFields,
  fields: Readonly<Record<string, string>>,
): WrittenFields {
  return { fields, mode, keepsValid, foreign };
}

/** Returns fields without some. */
export function without(
  fields: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const copy = { ...fields };
  for (const name of names) delete copy[name];
  return copy;
}

function sorted(names: readonly string[]): string[] {
  const rank = (name: string): number => {
    const at = BY_IMPORTANCE.indexOf(name);
    return at === -1 ? BY_IMPORTANCE.length : at;
  };
  return names.toSorted((a, b) => rank(a) - rank(b));
}

// Defined, not assigned: `__proto__` is a name like any other.
function define<T>(record: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true });
}
