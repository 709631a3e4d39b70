import type { SpanKindName } from '../../span.ts';
import { KnownAttributes } from './known-attributes.ts';

/** The kinds of spans, by the number that a column holds. */
export const KINDS: readonly SpanKindName[] = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** What a span links to. */
export interface DraftLink {
  readonly traceId: string;
  readonly high: number;
  readonly low: number;
  /** Nobody recorded the span that it names, and its sender says so. */
  readonly isUnsampled: boolean;
}

/** A model that was loaded into a process. */
export interface ModelLoad {
  readonly model: string;
  readonly version: string | undefined;
  /** Seconds; 0 where nobody says. */
  readonly took: number;
}

/** A span on its way into columns. One is filled again and again. */
export class SpanDraft {
  traceId = '';
  /** Ids in two halves of 32 bits. */
  high = 0;
  low = 0;
  hasParent = false;
  parentHigh = 0;
  parentLow = 0;
  /** Whether the parent is in another process; `undefined` where the sender does not say. */
  parentIsRemote: boolean | undefined = undefined;
  name = '';
  kind: SpanKindName = 'INTERNAL';
  service = '';
  /** The instrumentation that made it. */
  scope = '';
  /** Milliseconds since 1970. */
  start = 0;
  /** Milliseconds. */
  duration = 0;
  failed = false;
  /** What its status says. */
  statusMessage = '';
  readonly attributes: KnownAttributes = new KnownAttributes();
  /** The limit that a chain of agents went past here. */
  exceeded: string | undefined = undefined;
  /** What went wrong here without an error, each kind once. */
  readonly signals: Set<string> = new Set<string>();
  /** The models that were loaded here. */
  readonly loads: ModelLoad[] = [];
  /** The process that the span is of, as text; `undefined` where its resource does not say. */
  instance: string | undefined = undefined;
  /** As they came: of a span that is there already none is read. */
  links: readonly unknown[] = [];
  readLink: (link: unknown) => DraftLink | undefined = () => undefined;

  clear(): void {
    this.hasParent = false;
    this.parentHigh = 0;
    this.parentLow = 0;
    this.parentIsRemote = undefined;
    this.exceeded = undefined;
    if (this.signals.size > 0) this.signals.clear();
    this.loads.length = 0;
    this.attributes.clear();
    this.links = [];
  }
}
