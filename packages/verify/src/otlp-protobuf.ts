import { parseOtlpJson } from './otlp-json.ts';
import type { ParsedSpans } from './parsing.ts';

/**
 * Returns the spans of an OTLP `ExportTraceServiceRequest` in its protobuf form.
 *
 * Total: any bytes give a result, and never throw. Bytes that are no such message give no span and say why in
 * `malformed`. Follows https://protobuf.dev/programming-guides/encoding/ and opentelemetry-proto's
 * `trace/v1/trace.proto`. The message is decoded to its own JSON form, so one place decides what a valid span is.
 */
export function parseOtlpProtobuf(bytes: Uint8Array): ParsedSpans {
  const reader: Reader = {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    position: 0,
    messagesLeft: MAX_MESSAGES,
  };
  try {
    return parseOtlpJson(readMessage(reader, bytes.byteLength, TRACE_REQUEST, MAX_DEPTH));
  } catch (error) {
    return { spans: [], rejected: 0, malformed: error instanceof Error ? error.message : 'the body cannot be read' };
  }
}

/** Protobuf's own default limit on nested messages. */
const MAX_DEPTH = 100;
/** Empty messages take two bytes on the wire and some 50 in memory: their number is bounded, not only their bytes. */
const MAX_MESSAGES = 1_000_000;

type Scalar = 'string' | 'hex' | 'base64' | 'bool' | 'integer' | 'double' | 'fixed64' | 'fixed32';

interface Field {
  readonly name: string;
  readonly type: Scalar | Message;
  readonly repeated?: true;
}

/** A message type: its fields by number. Fields that are not listed are skipped. */
type Message = Map<number, Field>;

interface Reader {
  readonly bytes: Buffer;
  position: number;
  messagesLeft: number;
}

const one = (name: string, type: Scalar | Message): Field => ({ name, type });
const many = (name: string, type: Scalar | Message): Field => ({ name, type, repeated: true });

const ANY_VALUE: Message = new Map();
const KEY_VALUE: Message = new Map([
  [1, one('key', 'string')],
  [2, one('value', ANY_VALUE)],
]);
ANY_VALUE.set(1, one('stringValue', 'string'));
ANY_VALUE.set(2, one('boolValue', 'bool'));
ANY_VALUE.set(3, one('intValue', 'integer'));
ANY_VALUE.set(4, one('doubleValue', 'double'));
ANY_VALUE.set(5, one('arrayValue', new Map([[1, many('values', ANY_VALUE)]])));
ANY_VALUE.set(6, one('kvlistValue', new Map([[1, many('values', KEY_VALUE)]])));
ANY_VALUE.set(7, one('bytesValue', 'base64'));

const EVENT: Message = new Map([
  [1, one('timeUnixNano', 'fixed64')],
  [2, one('name', 'string')],
  [3, many('attributes', KEY_VALUE)],
]);
const LINK: Message = new Map([
  [1, one('traceId', 'hex')],
  [2, one('spanId', 'hex')],
  [4, many('attributes', KEY_VALUE)],
  [6, one('flags', 'fixed32')],
]);
const STATUS: Message = new Map([
  [2, one('message', 'string')],
  [3, one('code', 'integer')],
]);
const SPAN: Message = new Map([
  [1, one('traceId', 'hex')],
  [2, one('spanId', 'hex')],
  [4, one('parentSpanId', 'hex')],
  [5, one('name', 'string')],
  [6, one('kind', 'integer')],
  [7, one('startTimeUnixNano', 'fixed64')],
  [8, one('endTimeUnixNano', 'fixed64')],
  [9, many('attributes', KEY_VALUE)],
  [11, many('events', EVENT)],
  [13, many('links', LINK)],
  [15, one('status', STATUS)],
  [16, one('flags', 'fixed32')],
]);
const SCOPE: Message = new Map([
  [1, one('name', 'string')],
  [2, one('version', 'string')],
]);
const SCOPE_SPANS: Message = new Map([
  [1, one('scope', SCOPE)],
  [2, many('spans', SPAN)],
]);
const RESOURCE: Message = new Map([[1, many('attributes', KEY_VALUE)]]);
const RESOURCE_SPANS: Message = new Map([
  [1, one('resource', RESOURCE)],
  [2, many('scopeSpans', SCOPE_SPANS)],
]);
const TRACE_REQUEST: Message = new Map([[1, many('resourceSpans', RESOURCE_SPANS)]]);

const VARINT = 0;
const I64 = 1;
const LENGTH_DELIMITED = 2;
const I32 = 5;

function readMessage(reader: Reader, end: number, message: Message, depth: number): Record<string, unknown> {
  if (depth === 0) throw new Error(`messages are nested deeper than ${MAX_DEPTH}`);
  if (reader.messagesLeft-- === 0) throw new Error(`the body holds more than ${MAX_MESSAGES} messages`);
  const result: Record<string, unknown> = {};
  while (reader.position < end) {
    const tag = Number(readVarint(reader, end));
    if (tag < 8 || tag > 0xffff_ffff) throw new Error('a field has no valid number');
    const wireType = tag % 8;
    const field = message.get(Math.floor(tag / 8));
    // The wire format asks to treat a known field of another wire type as an unknown one.
    if (field === undefined || wireTypeOf(field.type) !== wireType) {
      skip(reader, end, wireType);
      continue;
    }
    const value =
      typeof field.type === 'string'
        ? readScalar(reader, end, field.type)
        : readMessage(reader, readLength(reader, end), field.type, depth - 1);
    const before = result[field.name];
    if (!field.repeated) result[field.name] = value;
    else if (Array.isArray(before)) before.push(value);
    else result[field.name] = [value];
  }
  return result;
}

function wireTypeOf(type: Scalar | Message): number {
  if (type === 'bool' || type === 'integer') return VARINT;
  if (type === 'double' || type === 'fixed64') return I64;
  return type === 'fixed32' ? I32 : LENGTH_DELIMITED;
}

function readScalar(reader: Reader, end: number, type: Scalar): string | number | bigint | boolean {
  switch (type) {
    case 'bool':
      return Number(readVarint(reader, end)) !== 0;
    case 'integer': {
      const value = readVarint(reader, end);
      return typeof value === 'number' ? value : BigInt.asIntN(64, value);
    }
    case 'double':
      return reader.bytes.readDoubleLE(take(reader, end, 8));
    case 'fixed64':
      return reader.bytes.readBigUInt64LE(take(reader, end, 8));
    case 'fixed32':
      return reader.bytes.readUInt32LE(take(reader, end, 4));
    default: {
      const stop = readLength(reader, end);
      const start = reader.position;
      reader.position = stop;
      return reader.bytes.toString(type === 'string' ? 'utf8' : type, start, stop);
    }
  }
}

function skip(reader: Reader, end: number, wireType: number): void {
  if (wireType === VARINT) readVarint(reader, end);
  else if (wireType === I64) take(reader, end, 8);
  else if (wireType === I32) take(reader, end, 4);
  else if (wireType === LENGTH_DELIMITED) reader.position = readLength(reader, end);
  else throw new Error(`wire type ${wireType} is not in use`);
}

/** Moves past `size` bytes and returns where they start. */
function take(reader: Reader, end: number, size: number): number {
  const start = reader.position;
  if (size > end - start) throw new Error('the body ends within a field');
  reader.position = start + size;
  return start;
}

/** Reads a length and returns the position at which what it measures ends. */
function readLength(reader: Reader, end: number): number {
  const length = Number(readVarint(reader, end));
  if (length > end - reader.position) throw new Error('a field is longer than what holds it');
  return reader.position + length;
}

/** A number below 2^28, else a bigint of 64 bits. */
function readVarint(reader: Reader, end: number): number | bigint {
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = reader.bytes[take(reader, end, 1)] ?? 0;
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) return low;
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = reader.bytes[take(reader, end, 1)] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new Error('a number is longer than ten bytes');
}
