import type { Attributes, Context, Link, Span, SpanContext, SpanKind, TimeInput } from '@opentelemetry/api';
import type { CarrierReader } from '../carrier/read.ts';
import type { WrittenFields } from '../carrier/write.ts';
import type { LineageFields } from '../lineage/codec.ts';
import type { Move } from '../lineage/rules.ts';
import type { Channel, HopOutcome, InboundPolicy, PeerAccount, Target, Transport } from '../parties.ts';
import type { Outcome } from '../telemetry/outcome.ts';

/*
 * A hop is one crossing of a boundary between agents, services or tools. It has an outbound end and an inbound one, and both are
 * described by plain data. An adapter decides names, attributes and carriers; everything else is decided in this folder.
 */

/** The inbound end of a hop, as an adapter describes it to {@link startInbound}. */
export interface InboundHop {
  readonly transport: Transport;
  /** The span's name. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Attributes | undefined;
  /** What travelled, and how to read it. */
  readonly carrier: unknown;
  readonly reader: CarrierReader;
  /**
   * A second carrier, asked when `carrier` holds no `traceparent`: the HTTP headers of the POST that brought an MCP message.
   * Baggage that `carrier` holds stays.
   */
  readonly fallback?: { readonly carrier: unknown; readonly reader: CarrierReader } | undefined;
  /**
   * How the carrier arrived, which decides whether the ambient context counts (see `ambient.ts`):
   * `request` the hop is an HTTP request itself and may join a SERVER span that is already open for it;
   * `payload` the carrier arrived inside an HTTP request, whose span is a parent or a link; absent: it counts for nothing.
   */
  readonly http?: 'request' | 'payload' | undefined;
  /** The carrier arrived inside the HTTP request that is active, whose span counts for nothing: what it may do, the request says. */
  readonly insideRequest?: boolean | undefined;
  /** The object that stands for this one HTTP request, so that a second middleware joins the hop of the first. */
  readonly request?: object | undefined;
  /** What the carrier came through. Default: `host` over HTTP, `broker` for message headers, else `process`. */
  readonly channel?: Channel | undefined;
  /** Who offers the context; asked only when something hangs on it. */
  readonly peer?: PeerAccount | (() => PeerAccount) | undefined;
  readonly links?: readonly Link[] | undefined;
  /** What the boundary policy said already, of the messages of a batch one by one: it is not asked of the hop. */
  readonly policy?: InboundPolicy | undefined;
  /** The least that the policy let any message of a batch do. Default: what it said of the hop. */
  readonly strictest?: InboundPolicy | undefined;
  /** The context that the carrier arrived in; the active one by default. */
  readonly context?: Context | undefined;
  /** Also link the offered context when it is the parent (messaging conventions, creation context). */
  readonly linkParent?: boolean | undefined;
  /** The offered context is too old to be a parent: a new trace that links to it, unless the policy already says otherwise. */
  readonly stale?: boolean | undefined;
  readonly startTime?: TimeInput | undefined;
  /** `false`: propagation without a span, for this hop alone. */
  readonly span?: boolean | undefined;
  /**
   * The chains of what arrived together, such as a batch: the hop is as deep as the deepest of them. No limit refuses it;
   * those of the parts do.
   */
  readonly parts?: Iterable<LineageFields> | undefined;
  /** It asks for no work, such as a notification: no limit refuses it, and what follows from it meets the limits. */
  readonly notice?: boolean | undefined;
  /**
   * The `throughline.lineage` of the work that goes on with what is offered: the chain that the hop is in where the policy lets
   * no lineage in.
   */
  readonly ownLineage?: string | undefined;
}

/** The outbound end of a hop, as an adapter describes it to {@link startOutbound}. */
export interface OutboundHop extends Move {
  readonly transport: Transport;
  /** The span's name. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Attributes | undefined;
  readonly target: Target;
  /**
   * What the caller is about to send. With no active span, a valid `traceparent` that the caller put there becomes the
   * parent, so that a relay stays in the chain.
   */
  readonly carrier?: unknown;
  readonly reader?: CarrierReader | undefined;
  readonly links?: readonly Link[] | undefined;
  /** The context to send; the active one at the call by default. */
  readonly context?: Context | undefined;
  readonly startTime?: TimeInput | undefined;
  /** `false`: propagation without a span, for this hop alone. */
  readonly span?: boolean | undefined;
}

/** An inbound hop that was let in. Run the work in `context`, then call `end`. */
export interface Received {
  /** Only a `Refused` hop has it. */
  readonly refused?: undefined;
  readonly context: Context;
  /** The hop's span; under `spans: false` a span that records nothing and stands for the offered context. */
  readonly span: Span;
  readonly outcome: HopOutcome;
  /** Whether the span is one that another instrumentation opened, and will end. */
  readonly joined: boolean;
  /** The `traceresponse` to send back, where the trace was restarted with a link and the caller may know. */
  readonly answer?: string | undefined;
  /** Runs `tell` with the hop's span where it is recorded. What it throws is told once, and goes no further. */
  describe(tell: (span: Span) => void): void;
  /** Ends the hop. Idempotent. */
  end(outcome?: Outcome): void;
}

/** An outbound hop that may go. Write `fields` into a copy of the carrier (`writeRecord`, `writeHeaders`), call, then `end`. */
export interface Sending extends WrittenFields {
  /** Only a `Refused` hop has it. */
  readonly refused?: undefined;
  /** The context of the hop's span, in which answers and callbacks belong. */
  readonly context: Context;
  /** `context` with only the baggage that may go to the target: run a function that the user supplied in it. */
  readonly wire: Context;
  /** `wire` under suppressed tracing: run the library's own innermost function in it. */
  readonly inner: Context;
  readonly span: Span;
  readonly outcome: HopOutcome;
  /** How many members of baggage stay here. */
  readonly withheld: number;
  /**
   * Aborts at the deadline of the chain, where it applies here: in `enforce` mode, or when `withDeadline` set it in this
   * process. Combine it with the caller's own.
   */
  readonly signal: AbortSignal | undefined;
  /** Returns what of `fields` may go to another target, to which a redirect led. */
  fieldsFor(target: Target): Readonly<Record<string, string>>;
  /** Runs `tell` with the hop's span where it is ours and recorded. What it throws is told once, and goes no further. */
  describe(tell: (span: Span) => void): void;
  /** Takes the `traceresponse` that came back, whatever it is, and links the span to it where it counts. Before `end`. */
  answered(traceresponse: unknown): void;
  /** Ends the hop. Idempotent. */
  end(outcome?: Outcome): void;
}

/** Two span contexts name the same span. */
export function sameSpan(a: SpanContext, b: SpanContext): boolean {
  return a.spanId === b.spanId && a.traceId === b.traceId;
}
