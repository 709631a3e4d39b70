/** What a finding is about; each has a page in docs/findings. */
export type ChainFindingCode =
  | 'incomplete-capture'
  | 'several-traces'
  | 'silent-service'
  | 'unheard'
  | 'lost-context'
  | 'phantom-parent'
  | 'orphan'
  | 'missing-link-target'
  | 'batch-unlinked'
  | 'sampling-split'
  | 'wrong-parent'
  | 'endless-trace'
  | 'double-span'
  | 'cascade'
  | 'contract'
  | 'missing-calls'
  | 'double-usage'
  | 'conversation-split'
  | 'lineage-backwards'
  | 'cycle'
  | 'too-deep'
  | 'model-reloaded'
  | 'duplicate-span'
  | 'parent-loop'
  | 'many-roots'
  | 'bad-id'
  | 'clock-skew';

/** One way in which the spans fall short of sound chains. */
export interface ChainFinding {
  readonly code: ChainFindingCode;
  /** An `error` breaks a chain; a `warning` does not. */
  readonly severity: 'error' | 'warning';
  /** A sentence for people, safe to print, whatever the spans hold. */
  readonly message: string;
  readonly boundary?: ChainBoundary;
  /** The spans at which it shows, the first ones where there are many; `count` says how many there are. */
  readonly spans: readonly FoundSpan[];
  readonly count: number;
}

/** Where a chain broke: what cannot be told is not there. */
export interface ChainBoundary {
  /** The service that sent. The one that received, where it was lost within one process. */
  readonly from?: string;
  readonly to?: string;
  readonly transport?: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  /** What did not come across, or was not exported. */
  readonly missing?: 'context' | 'parent' | 'link target' | 'link' | 'span' | 'lineage';
}

/** A span of a finding. */
export interface FoundSpan extends SpanId {
  /** Where in its code it was made, where it says so. */
  readonly code?: CodePlace;
}

/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/ */
export interface CodePlace {
  /** As the span gives it: a path, or a URL of one. */
  readonly file: string;
  readonly line?: number;
}

export interface SpanId {
  readonly traceId: string;
  readonly spanId: string;
}
