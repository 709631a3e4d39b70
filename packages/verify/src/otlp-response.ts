/** How an OTLP/HTTP request is written; its response is written the same way. */
export type OtlpEncoding = 'json' | 'protobuf';

export interface OtlpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Returns the answer to an export that was taken, as an `ExportTraceServiceResponse`: empty when every span was, else
 * with `partial_success`. https://opentelemetry.io/docs/specs/otlp/#partial-success-1
 */
export function exportResponse(encoding: OtlpEncoding, rejectedSpans: number, errorMessage: string): OtlpResponse {
  if (rejectedSpans === 0) return respond(encoding, 200, {}, []);
  return respond(encoding, 200, { partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage } }, [
    ...lengthDelimited(1, [...integer(1, rejectedSpans), ...lengthDelimited(2, Buffer.from(errorMessage))]),
  ]);
}

/**
 * Returns the answer to a request that was refused, as a `google.rpc.Status`.
 * https://opentelemetry.io/docs/specs/otlp/#failures-1
 */
export function failureResponse(encoding: OtlpEncoding, status: number, message: string): OtlpResponse {
  const code = status === 503 ? UNAVAILABLE : INVALID_ARGUMENT;
  return respond(encoding, status, { code, message }, [
    ...integer(1, code),
    ...lengthDelimited(2, Buffer.from(message)),
  ]);
}

/** https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto */
const INVALID_ARGUMENT = 3;
const UNAVAILABLE = 14;

function respond(encoding: OtlpEncoding, status: number, json: object, protobuf: number[]): OtlpResponse {
  return encoding === 'json'
    ? { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(json)) }
    : { status, contentType: 'application/x-protobuf', body: Buffer.from(protobuf) };
}

function integer(field: number, value: number): number[] {
  return [field << 3, ...varint(value)];
}

function lengthDelimited(field: number, bytes: ArrayLike<number>): number[] {
  return [(field << 3) | 2, ...varint(bytes.length), ...Array.from(bytes)];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}
