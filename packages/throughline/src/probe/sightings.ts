import type { CollectedSpan } from '@throughline/verify';
import type { Attempt } from './attempt.ts';
import type { CallbackSeen } from './callback.ts';

/** By what the probe knows. `status`: whether and how the target answered. */
export type Evidence = 'spans' | 'callback' | 'answer' | 'status';

/** What one witness says of the trace in which the target worked. */
export interface Sighting {
  readonly by: Evidence;
  /**
   * `relayed`: the very field that was sent came on, so that nothing took part in the trace. `linked`: another trace, which links ours.
   */
  readonly trace: 'continued' | 'relayed' | 'linked' | 'other';
  readonly sampled?: boolean;
  /** Only the time speaks for it. */
  readonly isByTime?: boolean;
}

/** All that was seen of one request. */
export interface Seen {
  readonly sightings: readonly Sighting[];
  readonly calls: readonly CallbackSeen[];
  readonly spans: readonly CollectedSpan[];
}

export interface Witnesses {
  readonly spans: readonly CollectedSpan[];
  readonly calls: (key: string) => readonly CallbackSeen[];
  /** The target works for the probe alone, on the same clock: a span that began during a request is of that request. */
  readonly isByTime: boolean;
}

/** Returns what the witnesses saw of a request. */
export function seenOf(attempt: Attempt, { spans, calls, isByTime }: Witnesses): Seen {
  const found = spansOf(attempt, spans, isByTime);
  const called = calls(attempt.key);
  const sightings = [inSpans(attempt, found), inCalls(attempt, called), inAnswer(attempt)];
  return { sightings: sightings.filter((one) => one !== undefined), calls: called, spans: found.spans };
}

/**
 * Whether a trace id is one that was sent. A malformed one that is mended, by lower case, padding or cutting, is still it: it has a beginning that
 * nobody else draws. Zeros are what was sent where they are.
 */
export function isOurs(traceId: string, { ids, sent }: Pick<Attempt, 'ids' | 'sent'>): boolean {
  const digits = traceId.toLowerCase();
  if (/^0+$/.test(digits)) return sent.traceparent?.includes('0'.repeat(32)) === true;
  return [ids.traceId, ids.otherTraceId].some((id) => digits.includes(id.slice(0, 28)));
}

interface FoundSpans {
  readonly spans: readonly CollectedSpan[];
  readonly isByTime: boolean;
}

function spansOf(attempt: Attempt, spans: readonly CollectedSpan[], byTime: boolean): FoundSpans {
  const { answer, key, from, to } = attempt;
  const answered = answer.kind === 'answered' ? answer.trace?.traceId : undefined;
  const traces = new Set(
    spans
      .filter(
        (span) =>
          isOurs(span.traceId, attempt) ||
          span.traceId === answered ||
          span.links.some(({ traceId }) => isOurs(traceId, attempt)) ||
          isKeyed(span, key),
      )
      .map(({ traceId }) => traceId),
  );
  if (traces.size > 0 || !byTime || answer.kind !== 'answered')
    return { spans: spans.filter(({ traceId }) => traces.has(traceId)), isByTime: false };
  const during = spans.filter(
    ({ kind, parentSpanId, startTimeUnixNano }) =>
      kind === 'SERVER' && parentSpanId === undefined && isWithin(Number(startTimeUnixNano / 1_000_000n), from, to),
  );
  const ids = new Set(during.map(({ traceId }) => traceId));
  return { spans: ids.size === 1 ? spans.filter(({ traceId }) => ids.has(traceId)) : [], isByTime: true };
}

/** Where tracers write the user agent, and the id of a request of JSON-RPC: both hold the key. */
const KEYED = ['user_agent.original', 'http.user_agent', 'jsonrpc.request.id', 'rpc.jsonrpc.request_id'];

/** Whether a span says that it is of this request. */
export function isKeyed({ attributes }: CollectedSpan, key: string): boolean {
  return KEYED.some((name) => {
    const value = attributes[name];
    return typeof value === 'string' && value.includes(key);
  });
}

/** The clock of a process drifts from the system's; the probe leaves more time than this between two cases. */
const DRIFT_MS = 5;

function isWithin(time: number, from: number, to: number): boolean {
  return time >= from - DRIFT_MS && time <= to + DRIFT_MS;
}

function inSpans(attempt: Attempt, { spans, isByTime }: FoundSpans): Sighting | undefined {
  if (spans.length === 0) return undefined;
  const said = { by: 'spans', sampled: true, ...(isByTime ? { isByTime } : {}) } as const;
  if (spans.some(({ traceId }) => isOurs(traceId, attempt))) return { ...said, trace: 'continued' };
  const isLinked = spans.some(({ links }) => links.some(({ traceId }) => isOurs(traceId, attempt)));
  return { ...said, trace: isLinked ? 'linked' : 'other' };
}

/** Of any version, and with ids that are none: what came is judged, and not only read. */
const TRACEPARENT = /^[\da-f]{2}-([\da-f]+)-([\da-f]+)-([\da-f]{2})/i;

function inCalls(attempt: Attempt, calls: readonly CallbackSeen[]): Sighting | undefined {
  const traceparent = calls.find((call) => call.traceparent !== undefined)?.traceparent;
  if (traceparent === undefined) return undefined;
  if (isRelayed(traceparent, attempt)) return { by: 'callback', trace: 'relayed' };
  const [, traceId, , flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || flags === undefined) return undefined;
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  return { by: 'callback', trace: isOurs(traceId, attempt) ? 'continued' : 'other', sampled };
}

/** Whether the very text came on that was sent. */
export function isRelayed(traceparent: string, { sent }: Pick<Attempt, 'sent'>): boolean {
  const more = (sent.headers ?? []).filter(([name]) => name === 'traceparent').map(([, value]) => value);
  const all = sent.traceparent === undefined ? [] : [sent.traceparent, ...more];
  // Repeated ones are joined, by some with a space.
  return all.includes(traceparent) || all.join(',') === traceparent.replaceAll(' ', '');
}

function inAnswer(attempt: Attempt): Sighting | undefined {
  const { answer } = attempt;
  if (answer.kind !== 'answered' || answer.trace === undefined) return undefined;
  const { traceId, sampled } = answer.trace;
  return { by: 'answer', trace: isOurs(traceId, attempt) ? 'continued' : 'other', sampled };
}
