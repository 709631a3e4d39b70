import protobuf from 'protobufjs/light.js';
import { parseOtlpJson } from './otlp-json.ts';
import type { ParsedSpans } from './parsing.ts';

/**
 * Returns the spans of an OTLP `ExportTraceServiceRequest` in its protobuf form.
 *
 * Total: any bytes give a result, and never throw. Bytes that are no such message give no span and say why in
 * `malformed`. Follows opentelemetry-proto's `trace/v1/trace.proto`. The message is decoded to its own JSON form, so
 * one place decides what a valid span is.
 */
export function parseOtlpProtobuf(bytes: Uint8Array): ParsedSpans {
  try {
    const request = TraceRequest.decode(new BoundedReader(bytes));
    return parseOtlpJson(TraceRequest.toObject(request, { longs: String, bytes: String }));
  } catch (error) {
    const reason = error instanceof Error ? `: ${error.message}` : '';
    return { spans: [], rejected: 0, malformed: `the body is no OTLP in protobuf${reason}` };
  }
}

/** An empty message takes two bytes on the wire and some 200 in memory: their number is bounded, not only their bytes. */
const MAX_LENGTHS = 1_000_000;

class BoundedReader extends protobuf.BufferReader {
  #lengthsLeft = MAX_LENGTHS;

  constructor(bytes: Uint8Array) {
    super(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.discardUnknown = true;
  }

  /** Reads the length of a message, a text or bytes. */
  override size(): number {
    if (this.#lengthsLeft-- === 0) throw new Error(`it holds more than ${MAX_LENGTHS} messages and texts`);
    return super.size();
  }
}

/** The messages of OTLP, with those fields alone that are read. */
const TraceRequest = protobuf.Root.fromJSON({
  nested: {
    TraceRequest: message({ resourceSpans: many(1, 'ResourceSpans') }),
    ResourceSpans: message({ resource: one(1, 'Resource'), scopeSpans: many(2, 'ScopeSpans') }),
    Resource: message({ attributes: many(1, 'KeyValue') }),
    ScopeSpans: message({ scope: one(1, 'Scope'), spans: many(2, 'Span') }),
    Scope: message({ name: one(1, 'string'), version: one(2, 'string') }),
    Span: message({
      traceId: one(1, 'bytes'),
      spanId: one(2, 'bytes'),
      parentSpanId: one(4, 'bytes'),
      name: one(5, 'string'),
      kind: one(6, 'int32'),
      startTimeUnixNano: one(7, 'fixed64'),
      endTimeUnixNano: one(8, 'fixed64'),
      attributes: many(9, 'KeyValue'),
      events: many(11, 'Event'),
      links: many(13, 'Link'),
      status: one(15, 'Status'),
      flags: one(16, 'fixed32'),
    }),
    Event: message({ timeUnixNano: one(1, 'fixed64'), name: one(2, 'string'), attributes: many(3, 'KeyValue') }),
    Link: message({
      traceId: one(1, 'bytes'),
      spanId: one(2, 'bytes'),
      attributes: many(4, 'KeyValue'),
      flags: one(6, 'fixed32'),
    }),
    Status: message({ message: one(2, 'string'), code: one(3, 'int32') }),
    KeyValue: message({ key: one(1, 'string'), value: one(2, 'AnyValue') }),
    AnyValue: message(
      {
        stringValue: one(1, 'string'),
        boolValue: one(2, 'bool'),
        intValue: one(3, 'int64'),
        doubleValue: one(4, 'double'),
        arrayValue: one(5, 'ArrayValue'),
        kvlistValue: one(6, 'KeyValueList'),
        bytesValue: one(7, 'bytes'),
      },
      // One of them is there, be it 0, false or empty.
      ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'],
    ),
    ArrayValue: message({ values: many(1, 'AnyValue') }),
    KeyValueList: message({ values: many(1, 'KeyValue') }),
  },
}).lookupType('TraceRequest');

type Field = { id: number; type: string; rule?: 'repeated' };

function one(id: number, type: string): Field {
  return { id, type };
}

function many(id: number, type: string): Field {
  return { id, type, rule: 'repeated' };
}

function message(fields: Record<string, Field>, oneof?: string[]): protobuf.IType {
  return oneof === undefined ? { fields } : { fields, oneofs: { value: { oneof } } };
}
