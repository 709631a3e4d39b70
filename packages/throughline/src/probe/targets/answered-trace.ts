import type { AnsweredTrace } from './target.ts';

const TRACE = /00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})/;

/** Returns the trace that the value of a `traceresponse` or `Server-Timing` names. */
export function parseAnsweredTrace(value: unknown): AnsweredTrace | undefined {
  const [, traceId, flags] = (typeof value === 'string' ? TRACE.exec(value) : null) ?? [];
  if (traceId === undefined || flags === undefined) return undefined;
  return { traceId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Returns the trace that the headers of an answer name. */
export function traceOfHeaders(headers: readonly (readonly [string, string])[]): AnsweredTrace | undefined {
  const named = (wanted: string): string[] =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const timing = named('server-timing')
    .flatMap((value) => value.split(','))
    .find((entry) => /^\s*traceparent\s*;/i.test(entry));
  return parseAnsweredTrace(named('traceresponse')[0]) ?? parseAnsweredTrace(timing);
}
