import { isRecord } from './json-values.ts';
import { parseJaegerJson } from './jaeger-json.ts';
import { parseOtlpJson } from './otlp-json.ts';
import type { ParsedSpans } from './parsing.ts';
import { parseZipkinJson } from './zipkin-json.ts';

/**
 * Returns the spans of a text, whatever it is written in: OTLP/JSON, as one object or one a line, Jaeger's JSON, or Zipkin's. Total: any
 * text gives a result.
 */
export function parseSpans(text: string): ParsedSpans {
  const start = /^\uFEFF?\s*(?<first>[[{])/.exec(text)?.groups?.['first'];
  if (start === undefined) return parseOtlpJson(text);
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // One object a line.
    return parseOtlpJson(text);
  }
  return otherThanOtlp(value) ?? parseOtlpJson(value);
}

/** Returns the spans of Jaeger's or Zipkin's JSON, and `undefined` where a value is neither. */
export function otherThanOtlp(value: unknown): ParsedSpans | undefined {
  if (Array.isArray(value)) return parseZipkinJson(value);
  return isRecord(value) && Array.isArray(value.data) ? parseJaegerJson(value) : undefined;
}
