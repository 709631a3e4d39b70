import { isRecord, listOf, textOf } from './json-values.ts';
import { MAX_ATTRIBUTE_DEPTH, emptyAttributes, noAttributes } from './span.ts';
import type { AttributeValue, SpanAttributes, SpanKindName, SpanStatus } from './span.ts';

/* The values of OTLP in its JSON form, each read to what it can be: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding */

/** A root's parent: absent, empty, or all zeros. */
export function isNoId(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === '0000000000000000';
}

/** The flags' bits 8 and 9: whether it is known that the parent is remote, and whether it is. */
export function readIsRemote(flags: unknown): boolean | undefined {
  if (typeof flags !== 'number' || (flags & 0x100) === 0) return undefined;
  return (flags & 0x200) !== 0;
}

/** The flags' bit 0, whether the span was sampled, where bit 8 says that its sender sets such bits. */
export function readIsSampled(flags: unknown): boolean | undefined {
  if (typeof flags !== 'number' || (flags & 0x100) === 0) return undefined;
  return (flags & 1) !== 0;
}

const KINDS: readonly SpanKindName[] = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

export function readKind(kind: unknown): SpanKindName {
  if (typeof kind === 'number') return KINDS[kind] ?? 'INTERNAL';
  const said = wordOf(kind, 'SPAN_KIND_');
  return KINDS.find((name) => name === said) ?? 'INTERNAL';
}

/** Returns a value of an enumeration by name, with its prefix or without. */
function wordOf(value: unknown, prefix: string): string {
  const word = textOf(value).toUpperCase();
  return word.startsWith(prefix) ? word.slice(prefix.length) : word;
}

export function readStatus(status: unknown): SpanStatus {
  if (!isRecord(status)) return { code: 'UNSET' };
  const { code } = status;
  const message = textOf(status.message);
  const said = wordOf(code, 'STATUS_CODE_');
  const name = code === 2 || said === 'ERROR' ? 'ERROR' : code === 1 || said === 'OK' ? 'OK' : 'UNSET';
  return message === '' ? { code: name } : { code: name, message };
}

/** Returns nanoseconds, 0 where none are given, and `undefined` for what is no time. */
export function readTime(time: unknown): bigint | undefined {
  if (time === undefined || time === null) return 0n;
  if (typeof time === 'string') return /^\d{1,20}$/.test(time) ? BigInt(time) : undefined;
  if (typeof time === 'number') return Number.isInteger(time) && time >= 0 && time < 2 ** 64 ? BigInt(time) : undefined;
  return typeof time === 'bigint' && time >= 0n && time < 2n ** 64n ? time : undefined;
}

export function readAttributes(keyValues: unknown, depth: number = MAX_ATTRIBUTE_DEPTH): SpanAttributes {
  const list = listOf(keyValues);
  if (list.length === 0) return noAttributes;
  const attributes = emptyAttributes();
  for (const keyValue of list) {
    if (isRecord(keyValue) && typeof keyValue.key === 'string') {
      attributes[keyValue.key] = readAnyValue(keyValue.value, depth);
    }
  }
  return attributes;
}

export function readAnyValue(value: unknown, depth: number): AttributeValue {
  if (!isRecord(value) || depth === 0) return null;
  if (typeof value.stringValue === 'string') return value.stringValue;
  if (typeof value.boolValue === 'boolean') return value.boolValue;
  if (value.intValue !== undefined) return readInteger(value.intValue);
  if (value.doubleValue !== undefined) return readDouble(value.doubleValue);
  if (typeof value.bytesValue === 'string') return value.bytesValue;
  if (isRecord(value.arrayValue)) return listOf(value.arrayValue.values).map((item) => readAnyValue(item, depth - 1));
  if (isRecord(value.kvlistValue)) return readAttributes(value.kvlistValue.values, depth - 1);
  return null;
}

function readInteger(value: unknown): number | bigint | null {
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  if (typeof value === 'string' && !/^-?\d{1,19}$/.test(value)) return null;
  if (typeof value !== 'string' && typeof value !== 'bigint') return null;
  const integer = BigInt(value);
  const number = Number(integer);
  return BigInt(number) === integer ? number : integer;
}

/** JSON has no NaN and no infinities: protobuf's JSON form writes them as strings. */
function readDouble(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  return value === '-Infinity' ? Number.NEGATIVE_INFINITY : null;
}
