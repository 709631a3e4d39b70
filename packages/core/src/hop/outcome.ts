import { SpanStatusCode } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '../conventions.ts';
import { printable } from '../diagnostics.ts';
import type { Outcome } from './hop.ts';

const MAX_MESSAGE = 1024;

/** Writes how a hop came out onto its span, and ends the span where it is ours. */
export function finish(span: Span, outcome: Outcome | undefined, owned: boolean, recordsException: boolean): void {
  if (outcome !== undefined && span.isRecording()) {
    const { error, attributes } = outcome;
    if (attributes !== undefined) span.setAttributes(attributes);
    const type = outcome.errorType ?? (error === undefined ? undefined : errorType(error));
    if (type !== undefined) {
      span.setAttribute(ATTR_ERROR_TYPE, type);
      const message = error === undefined ? undefined : messageOf(error);
      span.setStatus(message === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message });
      if (recordsException && error instanceof Error) span.recordException(error);
    }
  }
  if (owned) span.end(outcome?.endTime);
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
    return typeof message === 'string' ? printable(message.slice(0, MAX_MESSAGE)) : undefined;
  } catch {
    // A getter of the user's error threw.
    return undefined;
  }
}
