/** What a receiver has to do with the `traceparent` of a case, by W3C Trace Context. */
export type TraceDuty =
  /** Go on with it. */
  | 'continue'
  /** It should go on with it, and may start its own. */
  | 'may-continue'
  /** Go on with it or not: no standard says that it is a context. */
  | 'either'
  /** Start its own trace: what came is not valid. */
  | 'ignore'
  /** It should start its own; the specification does not say that it must. */
  | 'should-ignore'
  /** Nothing: it is free to. */
  | 'none';

/** The ids that one request carries. Every request has its own, so that what comes of it can be told from all else. */
export interface Ids {
  readonly traceId: string;
  readonly spanId: string;
  /** Of a second context, in the same request. */
  readonly otherTraceId: string;
  /** A word that nobody else says: as a value of baggage, it shows where it went. */
  readonly marker: string;
}

/** The text fields of W3C. In HTTP they are headers, in MCP keys of `_meta`. */
export interface ContextFields {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

/** What a case puts into a request. */
export interface Sent extends ContextFields {
  /** Further headers, by name and value. A value may hold what no client lets through. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** All of MCP's `_meta`, or of the metadata of an A2A message, in the place of the fields. */
  readonly meta?: unknown;
}

export interface ProbeCase {
  readonly id: string;
  /** What it sends, in a line. */
  readonly about: string;
  readonly trace: TraceDuty;
  /** The sampled flag that it sends, where the context is valid. */
  readonly sampled?: boolean;
  /** It is no valid message of its protocol, or larger than what servers take: to refuse it is right. `silently`: to drop it, too. */
  readonly mayRefuse?: boolean | 'silently';
  readonly sends: (ids: Ids) => Sent;
}

/** Returns a valid `traceparent` of version 00. */
export function traceparentOf({ traceId, spanId }: Pick<Ids, 'traceId' | 'spanId'>, flags = '01'): string {
  return `00-${traceId}-${spanId}-${flags}`;
}
