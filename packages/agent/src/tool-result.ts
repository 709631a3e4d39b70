import { guarded } from '@throughline/core/adapter';
import type { SignalKind } from './signal.ts';

/** What a tool's result says of itself. */
export interface SilentFailure {
  /** It is a failure, in the words of MCP: `isError: true`. */
  readonly failed?: boolean;
  readonly signal?: SignalKind;
}

/**
 * Returns what a result says that came back without an error: nothing at all (`undefined` is none), or `ok: false`, or that it failed. Never
 * throws.
 */
export function silentFailure(result: unknown): SilentFailure {
  let said: SilentFailure = {};
  // A getter may be anything.
  guarded('content', () => (said = readResult(result)));
  return said;
}

function readResult(result: unknown): SilentFailure {
  if (result === null || result === '') return { signal: 'empty_result' };
  if (Array.isArray(result)) return result.length === 0 ? { signal: 'empty_result' } : {};
  if (typeof result !== 'object') return {};
  const { isError, ok, success, content, structuredContent } = result as Record<string, unknown>;
  if (isError === true) return { failed: true };
  if (ok === false || success === false) return { signal: 'tool_said_no' };
  const isEmpty = Array.isArray(content) ? content.length === 0 : Object.keys(result).length === 0 && isPlain(result);
  return isEmpty && structuredContent === undefined ? { signal: 'empty_result' } : {};
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
