import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * What a capture is written as: an export a line, as the collector's file exporter does; one object; or protobuf's own JSON, with ids in base64
 * and enumerations by name, as programs write that print the message without knowing OTLP.
 */
export type Form = 'lines' | 'one' | 'protobuf-json' | 'zipkin';

/** Returns exports as one file, without what they say of the machine. */
export function written(exports: readonly string[], form: Form): string {
  const clean = exports.map((text) => scrubbed(JSON.parse(text)));
  if (form === 'zipkin') return `${JSON.stringify(clean.flat())}\n`;
  if (form === 'lines') return clean.map((value) => `${JSON.stringify(value)}\n`).join('');
  const resourceSpans = clean.flatMap((value) => (value as { resourceSpans: unknown[] }).resourceSpans);
  const one = form === 'one' ? { resourceSpans } : inProtobufJson({ resourceSpans });
  return `${JSON.stringify(one)}\n`;
}

const machine = /^(host|process|os|container)\./;
const secret = new Set(['exception.stacktrace', 'code.file.path', 'code.filepath']);

function isOfMachine(item: unknown): boolean {
  const key = (item as { key?: unknown } | null)?.key;
  return typeof key === 'string' && (machine.test(key) || secret.has(key));
}

function scrubbed(value: unknown): unknown {
  if (typeof value === 'string') return withoutMachine(value);
  if (Array.isArray(value)) return value.filter((item) => !isOfMachine(item)).map(scrubbed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scrubbed(item)]));
}

const names: readonly (readonly [string, string])[] = [
  [join(import.meta.dirname, '../../..'), '/app'],
  [join(tmpdir(), 'throughline-corpus'), '/app'],
  [hostname(), 'host'],
  [`/${userInfo().username}/`, '/user/'],
  [`${userInfo().username}@`, 'user@'],
];

function withoutMachine(text: string): string {
  return names.reduce((rest, [name, instead]) => rest.replaceAll(name, instead), text);
}

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const codes = ['UNSET', 'OK', 'ERROR'];

function inProtobufJson(value: unknown, key = ''): unknown {
  if (/^(traceId|spanId|parentSpanId)$/.test(key)) return Buffer.from(value as string, 'hex').toString('base64');
  if (key === 'kind' && typeof value === 'number') return `SPAN_KIND_${kinds[value]}`;
  if (key === 'code' && typeof value === 'number') return `STATUS_CODE_${codes[value]}`;
  if (Array.isArray(value)) return value.map((item) => inProtobufJson(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inProtobufJson(item, name)]));
}
