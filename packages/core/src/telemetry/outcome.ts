import { SpanStatusCode } from '@opentelemetry/api';
import type { Attributes, Span, TimeInput } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '../conventions.ts';
import { printable, printableAttributes, printableLines } from '../printable.ts';

/** How a hop came out. An `error`, an `errorType` or `failed` sets the span's status and `error.type`. */
export interface Outcome {
  /**
   * Whether it failed, where `error` does not say: `true` for a failure whose value is `undefined`, as `Promise.reject()` is;
   * `false` for an error that is none, such as the caller's own abort.
   */
  readonly failed?: boolean | undefined;
  readonly error?: unknown;
  /** A low-cardinality class; by default that of the error: see {@link errorType}. */
  readonly errorType?: string | undefined;
  readonly attributes?: Attributes | undefined;
  /** A better name for the span, now that more is known. */
  readonly name?: string | undefined;
  readonly endTime?: TimeInput | undefined;
}

const MAX_MESSAGE = 1024;

/** Returns the `error.type` of an outcome, or `undefined` where it is no failure. */
export function failureType(outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined || outcome.failed === false) return undefined;
  const { errorType: type, error, failed } = outcome;
  return type ?? (failed === true || error !== undefined ? errorType(error) : undefined);
}

/** How much of an error a span says: its class, which it always says; its text too; or all of it, as an event with its stack. */
export type ErrorDetail = 'type' | 'text' | 'exception';

/** Writes how a hop came out onto its span. */
export function writeOutcome(span: Span, outcome: Outcome, detail: ErrorDetail): void {
  if (outcome.name !== undefined) span.updateName(printable(outcome.name));
  if (!span.isRecording()) return;
  const { error, attributes } = outcome;
  if (attributes !== undefined) span.setAttributes(printableAttributes(attributes));
  const type = failureType(outcome);
  if (type === undefined) return;
  span.setAttribute(ATTR_ERROR_TYPE, type);
  const message = error === undefined || detail === 'type' ? undefined : messageOf(error);
  span.setStatus(message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message });
  if (detail === 'exception') recordException(span, error);
}

/**
 * Records an error, or a text that was thrown, as an event of a span: the very error where it is printable, else a copy that is.
 * The lines of a stack stay lines.
 */
export function recordException(span: Span, thrown: unknown): void {
  if (typeof thrown === 'string') return span.recordException(printable(thrown));
  if (!(thrown instanceof Error)) return;
  const { name, message, stack } = thrown;
  const copy = { name: linesOf(name), message: linesOf(message), stack: linesOf(stack) };
  const isSame = copy.name === name && copy.message === message && copy.stack === stack;
  span.recordException(isSame ? thrown : copy);
}

// A member of an error may be anything.
function linesOf(member: unknown): string {
  return typeof member === 'string' ? printableLines(member) : '';
}

// What these say by themselves is that something failed: fetch throws a TypeError for every network error, and what connects to
// several addresses an AggregateError.
const wrappers: ReadonlySet<unknown> = new Set(['Error', 'TypeError', 'AggregateError']);
const MAX_DEPTH = 8;

/**
 * Returns a low-cardinality class for an error: its `code` where that is a short word, else its `name`, else `_OTHER`. For a bare
 * `Error`, `TypeError` or `AggregateError` that has none, the `code` of the first error behind it that has one, and behind a TypeError else
 * its `name`: `ECONNREFUSED`, or `HTTPParserError`, for fetch's `TypeError: fetch failed`. Never throws. https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null) {
      const { name } = error as { name?: unknown };
      const code = wrappers.has(name) ? behind(error, codeOf) : codeOf(error);
      if (code !== undefined) return code;
      const hidden = name === 'TypeError' ? behind(error, nameOf) : undefined;
      if (hidden !== undefined) return hidden;
      if (typeof name === 'string' && isWord(name)) return name;
    }
  } catch {
    // A getter of the user's error threw; the class is then unknown.
  }
  return '_OTHER';
}

function behind(error: unknown, wordOf: (error: object) => string | undefined, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return undefined;
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  return (
    wordOf(error) ??
    behind(cause, wordOf, depth + 1) ??
    (Array.isArray(errors) ? behind((errors as unknown[])[0], wordOf, depth + 1) : undefined)
  );
}

function codeOf(error: object): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && isWord(code) ? code : undefined;
}

function nameOf(error: object): string | undefined {
  const { name } = error as { name?: unknown };
  return typeof name === 'string' && isWord(name) && !wrappers.has(name) ? name : undefined;
}

function isWord(text: string): boolean {
  return text.length > 0 && text.length <= 64 && /^[\w.$-]+$/.test(text);
}

function messageOf(error: unknown): string | undefined {
  try {
    const message: unknown =
      typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
    return typeof message === 'string' ? printable(message, MAX_MESSAGE) : undefined;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}
