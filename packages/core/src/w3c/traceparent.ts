import type { SpanContext } from '@opentelemetry/api';

/** The two trace flags that Trace Context Level 2 defines: sampled (1) and random trace id (2). */
const DEFINED_FLAGS = 0x03;
const HYPHEN = 45;
const LENGTH = 55;

/**
 * Returns the span context that a `traceparent` names, or `undefined` where it names none. Total: it never throws,
 * whatever it is given.
 *
 *     00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *     ── ──────────────────────────────── ──────────────── ──
 *     0  3                                36               53
 *     version  trace id                   parent id        flags
 *
 * Spaces and tabs around it are ignored. A version other than 00 may carry more after another hyphen; `ff` is invalid.
 * Flags are masked to the two that are defined. Trace Context Level 2, 3.2.
 *
 * @example
 * ```ts
 * parseTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')?.traceId; // '0af7651916cd43dd8448eb211c80319c'
 * ```
 */
export function parseTraceparent(text: unknown): SpanContext | undefined {
  if (typeof text !== 'string') return undefined;
  if (text === last?.text) return remoteOf(last);
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  const length = end - start;
  if (length < LENGTH) return undefined;
  const high = lowerHex(text.charCodeAt(start));
  const low = lowerHex(text.charCodeAt(start + 1));
  if (high < 0 || low < 0 || (high === 15 && low === 15)) return undefined;
  if (length > LENGTH) {
    if ((high === 0 && low === 0) || text.charCodeAt(start + LENGTH) !== HYPHEN) return undefined;
  }
  if (
    text.charCodeAt(start + 2) !== HYPHEN ||
    text.charCodeAt(start + 35) !== HYPHEN ||
    text.charCodeAt(start + 52) !== HYPHEN
  ) {
    return undefined;
  }
  const flagsHigh = lowerHex(text.charCodeAt(start + 53));
  const flagsLow = lowerHex(text.charCodeAt(start + 54));
  if (flagsHigh < 0 || flagsLow < 0) return undefined;
  if (!isNonZeroHex(text, start + 3, start + 35) || !isNonZeroHex(text, start + 36, start + 52)) return undefined;
  last = {
    text,
    traceId: text.slice(start + 3, start + 35),
    spanId: text.slice(start + 36, start + 52),
    flags: flagsLow & DEFINED_FLAGS,
    isOurs: false,
  };
  return remoteOf(last);
}

/**
 * Returns the version 00 `traceparent` of a span context, or `undefined` where its ids are not valid. Undefined flags are
 * left out. Trace Context Level 2, 3.2.
 */
export function formatTraceparent(spanContext: SpanContext | undefined): string | undefined {
  if (typeof spanContext !== 'object' || spanContext === null) return undefined;
  const { traceId, spanId, traceFlags } = spanContext;
  const flags = (typeof traceFlags === 'number' ? traceFlags : 0) & DEFINED_FLAGS;
  if (last?.isOurs === true && last.spanId === spanId && last.traceId === traceId && last.flags === flags)
    return last.text;
  if ((traceId !== lastValid?.traceId && !isTraceId(traceId)) || !isSpanId(spanId)) return undefined;
  const text = '00-' + traceId + '-' + spanId + FLAGS[flags];
  last = { text, traceId, spanId, flags, isOurs: true };
  return text;
}

interface Field {
  readonly text: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
  /** Written here: a text from elsewhere need not be as we write it. */
  readonly isOurs: boolean;
}

// The last valid field that was read or written: the messages of one send share theirs, and a relay writes what it has just read.
// Halves what both cost in a hop without a span.
let last: Field | undefined;

function remoteOf({ traceId, spanId, flags }: Field): SpanContext {
  return { traceId, spanId, traceFlags: flags, isRemote: true };
}

// By the defined bits. As text: a number would be a string more to make and to join.
const FLAGS = ['-00', '-01', '-02', '-03'];

/** Whether a span context names a span. */
export function isValidSpanContext(spanContext: SpanContext): boolean {
  const { traceId, spanId } = spanContext;
  if (isOf(lastValid, traceId, spanId) || isOf(last, traceId, spanId)) return true;
  if (!isTraceId(traceId) || !isSpanId(spanId)) return false;
  lastValid = { traceId, spanId };
  return true;
}

interface Ids {
  readonly traceId: string;
  readonly spanId: string;
}

// The last that was found valid: a span is the parent of many calls, which are in its trace.
let lastValid: Ids | undefined;

function isOf(ids: Ids | undefined, traceId: string, spanId: string): boolean {
  return ids !== undefined && ids.spanId === spanId && ids.traceId === traceId;
}

/** Whether this is a valid trace id: 32 lower-case hex digits, not all zero. */
export function isTraceId(id: unknown): id is string {
  return typeof id === 'string' && id.length === 32 && isNonZeroHex(id, 0, 32);
}

/** Whether this is a valid span id: 16 lower-case hex digits, not all zero. */
export function isSpanId(id: unknown): id is string {
  return typeof id === 'string' && id.length === 16 && isNonZeroHex(id, 0, 16);
}

// A table in place of regexes and comparisons: this is the one field that every hop reads and writes.
// 0…15 for the digits, NOT_HEX for all else.
const NOT_HEX = 0x80;
const HEX = new Uint8Array(128).fill(NOT_HEX);
for (let digit = 0; digit < 16; digit++) HEX['0123456789abcdef'.charCodeAt(digit)] = digit;

function isNonZeroHex(text: string, start: number, end: number): boolean {
  let bits = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return false;
    bits |= HEX[code] as number;
  }
  return bits !== 0 && bits < NOT_HEX;
}

function lowerHex(code: number): number {
  const digit = code < 128 ? (HEX[code] as number) : NOT_HEX;
  return digit === NOT_HEX ? -1 : digit;
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
