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
  /** A low-cardinality class; by default the error's `code` or constructor name. */
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

/** Writes how a hop came out onto its span. */
export function writeOutcome(span: Span, outcome: Outcome, recordsException: boolean): void {
  if (outcome.name !== undefined) span.updateName(printable(outcome.name));
  if (!span.isRecording()) return;
  const { error, attributes } = outcome;
  if (attributes !== undefined) span.setAttributes(printableAttributes(attributes));
  const type = failureType(outcome);
  if (type === undefined) return;
  span.setAttribute(ATTR_ERROR_TYPE, type);
  const message = error === undefined ? undefined : messageOf(error);
  span.setStatus(message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message });
  if (recordsException) recordException(span, error);
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

/**
 * Returns a low-cardinality class for an error: its `code` where that is a short word, else its `name`, else `_OTHER`.
 * Never throws. https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null) {
      const { code, name } = error as { code?: unknown; name?: unknown };
      if (typeof code === 'string' && isWord(code)) return code;
      if (typeof name === 'string' && isWord(name)) return name;
    }
  } catch {
    // A getter of the user's error threw; the class is then unknown.
  }
  return '_OTHER';
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
