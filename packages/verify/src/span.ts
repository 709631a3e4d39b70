import { RESOURCE_INSTANCE, RESOURCE_PLACES, RESOURCE_PROCESS } from './conventions.ts';

export type SpanKindName = 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER';

/** An attribute's value. Integers that a number cannot hold are bigints; bytes are base64 text. */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

/** Attributes by key, without a prototype: `__proto__` is a key like any other. */
export type SpanAttributes = Readonly<Record<string, AttributeValue>>;

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  /** Whether the span that it names was sampled; absent where the sender does not say (OTLP link flags, bits 0 and 8). */
  readonly isSampled?: boolean;
  readonly attributes: SpanAttributes;
}

export interface SpanEvent {
  readonly name: string;
  readonly timeUnixNano: bigint;
  readonly attributes: SpanAttributes;
}

export interface SpanStatus {
  readonly code: 'UNSET' | 'OK' | 'ERROR';
  readonly message?: string;
}

/**
 * A finished span as plain data, whichever way it came: OTLP as JSON or protobuf, or an in-memory exporter.
 *
 * Ids are lowercase hexadecimal and never all zeros. Times are nanoseconds since 1970, 0 where the sender gave none.
 */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Absent on a root. */
  readonly parentSpanId?: string;
  /** Whether the parent is in another process; absent where the sender does not say (OTLP span flags, bits 8 and 9). */
  readonly parentIsRemote?: boolean;
  readonly name: string;
  readonly kind: SpanKindName;
  /** The resource's `service.name`, else `unknown_service`. */
  readonly service: string;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: SpanAttributes;
  readonly links: readonly SpanLink[];
  readonly events: readonly SpanEvent[];
  readonly status: SpanStatus;
  readonly scope: { readonly name: string; readonly version?: string };
  readonly resource: SpanAttributes;
}

/** Deeper attribute values are cut to null, so that hostile nesting cannot exhaust the stack. */
export const MAX_ATTRIBUTE_DEPTH = 16;

/** Returns an empty attribute record that has no prototype. */
export function emptyAttributes(): Record<string, AttributeValue> {
  return Object.create(null) as Record<string, AttributeValue>;
}

/** One for all that has no attributes: a dictionary takes some 200 bytes, and senders may make millions of empty ones. */
export const noAttributes: SpanAttributes = Object.freeze(emptyAttributes());

/** Returns the service that a resource names, `unknown_service` where it names none. */
export function serviceOf(resource: SpanAttributes): string {
  const name = resource['service.name'];
  return typeof name === 'string' && name !== '' ? name : 'unknown_service';
}

/** Returns what tells the process that a resource is of from others of its service; `undefined` where it does not say. */
export function instanceOf(resource: SpanAttributes): string | undefined {
  const instance = resource[RESOURCE_INSTANCE];
  if (typeof instance === 'string' && instance !== '') return instance;
  const process = resource[RESOURCE_PROCESS];
  if (typeof process !== 'number' && typeof process !== 'string') return undefined;
  return JSON.stringify([process, ...RESOURCE_PLACES.map((place) => resource[place])], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/**
 * Returns the trace id as 32 lowercase hexadecimal digits; `undefined` for what is none, or all zeros. Exporters that follow protobuf's
 * JSON write it in base64, and some back ends in decimal.
 */
export function parseTraceId(value: unknown): string | undefined {
  return parseId(value, 16);
}

/** Returns the span id as 16 lowercase hexadecimal digits; `undefined` for what is none, or all zeros. */
export function parseSpanId(value: unknown): string | undefined {
  return parseId(value, 8);
}

function parseId(value: unknown, bytes: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const id = inHex(value, bytes);
  return id === undefined || /^0+$/.test(id) ? undefined : id;
}

function inHex(text: string, bytes: number): string | undefined {
  const digits = bytes * 2;
  if (text.length === digits && /^[0-9a-f]+$/i.test(text)) return text.toLowerCase();
  if (text.length === Math.ceil(bytes / 3) * 4 && /^[\w+/-]+={1,2}$/.test(text)) {
    const decoded = Buffer.from(text, 'base64');
    return decoded.length === bytes ? decoded.toString('hex') : undefined;
  }
  // Longer than the hexadecimal form, or it would be one.
  if (text.length > digits && text.length <= digits * 1.25 && /^\d+$/.test(text)) {
    const hex = BigInt(text).toString(16);
    return hex.length <= digits ? hex.padStart(digits, '0') : undefined;
  }
  return undefined;
}
