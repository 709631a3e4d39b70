import type { Attributes, Context, Link, Span, SpanContext, SpanKind, TimeInput } from '@opentelemetry/api';
import type { CarrierReader } from '../carrier/read.ts';

/**
 * A hop is one crossing of a boundary between agents, services or tools. It has an outbound end and an
 * inbound one, and both are described by plain data:
 *
 *     caller                                                      receiver
 *       │  startOutbound(hop)                                        │
 *       ├── span ── policy ── fields ─────── carrier ────── fields ──┤ startInbound(hop)
 *       │                                                            ├── policy ── span ── run
 *       └── end(outcome)                                             └── end(outcome)
 *
 * An adapter decides names, attributes and carriers; everything else is decided here.
 */

/** What a hop crosses, as it appears in `throughline.hops{transport}`: `http`, `kafka`, `mcp`, … */
export type Transport = string;

/** What a hop goes through: a network `host`, the `memory` of this process, a message `broker`, a child or parent `process`. */
export type Channel = 'host' | 'memory' | 'broker' | 'process';

/** The headers that came with a hop, for reading alone: of the HTTP request, of the message, or the keys of MCP `_meta`. */
export interface PeerHeaders {
  /** Returns the text of a header, in any letter case; repeated ones joined by a comma. */
  get(name: string): string | undefined;
}

/** Who offers the context that an inbound hop brings: what a boundary policy decides by. */
export interface Peer {
  readonly transport: Transport;
  readonly channel: Channel;
  /** The route, topic or method that was reached, where it is known before the span starts. */
  readonly name?: string | undefined;
  /** The network address of the peer, where the transport has one. */
  readonly address?: string | undefined;
  readonly headers: PeerHeaders;
  /** Whether the peer proved who it is; `undefined` where nobody said how to know. */
  readonly authenticated?: boolean | undefined;
  /** The library's own object for what arrived, such as Express's request. Do not change it. */
  readonly request?: unknown;
}

/** What an adapter knows of a peer; the rest follows from the hop. */
export type PeerAccount = Pick<Peer, 'name' | 'address' | 'authenticated' | 'request'>;

/**
 * Whom an outbound hop goes to. `channel` says what kind of thing that is, which decides whether it is
 * first-party by default: `memory` and `broker` are, `process` (a stdio server) is not, a `host` is when its name or
 * address is private.
 */
export interface Target {
  readonly transport: Transport;
  readonly channel: Channel;
  /** The host name or address, without port, for a `host`; brokers and servers may give a name. */
  readonly host?: string | undefined;
  /** The topic, method or path, where it is known. */
  readonly name?: string | undefined;
}

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
  /** The object that stands for this one HTTP request, so that a second middleware joins the hop of the first. */
  readonly request?: object | undefined;
  /** What the carrier came through. Default: `host` over HTTP, `broker` for message headers, else `process`. */
  readonly channel?: Channel | undefined;
  /** Who offers the context; asked only when something hangs on it. */
  readonly peer?: PeerAccount | (() => PeerAccount) | undefined;
  readonly links?: readonly Link[] | undefined;
  /** What the boundary policy said already, of the messages of a batch one by one: it is not asked of the hop. */
  readonly policy?: 'continue' | 'restart-with-link' | 'restart' | undefined;
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
   * The extracted contexts of what arrived together, such as a batch: the hop is as deep in its chain as the deepest of
   * them. No limit refuses it; those of the parts do.
   */
  readonly parts?: Iterable<Context> | undefined;
  /**
   * The `throughline.lineage` of the work that goes on with what is offered: the chain that the hop is in where the policy lets
   * no lineage in.
   */
  readonly ownLineage?: string | undefined;
}

/** The outbound end of a hop, as an adapter describes it to {@link startOutbound}. */
export interface OutboundHop {
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
  /** An answer, which is not a step deeper: it restores the hop count of the request that it answers. */
  readonly reply?: boolean | undefined;
  /** How many messages travel with this one hop: a budget of calls is split over them. `0`: nothing travels on. Default 1. */
  readonly messages?: number | undefined;
}

/** How a hop came out. An `error` sets the span's status and `error.type`; `errorType` alone does too. */
export interface Outcome {
  readonly error?: unknown;
  /** A low-cardinality class; by default the error's `code` or constructor name. */
  readonly errorType?: string | undefined;
  readonly attributes?: Attributes | undefined;
  readonly endTime?: TimeInput | undefined;
}

/** What became of the context that an inbound hop was offered, or an outbound one held. */
export type HopOutcome = 'continued' | 'restarted' | 'started' | 'invalid' | 'refused' | 'suppressed';

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
  /** Ends the hop. Idempotent. */
  end(outcome?: Outcome): void;
}

/**
 * What a carrier copy does with the fields it already holds:
 * `write` loses all three and gets ours; `keep` keeps what is well-formed, and gets ours only where it held none; `strip`
 * loses all three.
 */
export type FieldsMode = 'write' | 'keep' | 'strip';

/** An outbound hop that may go. Write `fields` into a copy of the carrier (`writeRecord`, `writeHeaders`), call, then `end`. */
export interface Sending {
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
  /** Exactly what goes on the wire: names and values. Made when it is asked for. */
  readonly fields: Readonly<Record<string, string>>;
  /** `fields` as bytes, a Buffer each: for a carrier that is encoded many times over, or holds nothing but bytes. */
  readonly bytes: Readonly<Record<string, Uint8Array>>;
  readonly mode: FieldsMode;
  /** How many members of baggage stay here. */
  readonly withheld: number;
  /**
   * Aborts at the deadline of the chain, where it applies here: in `enforce` mode, or when `withDeadline` set it in this
   * process. Combine it with the caller's own.
   */
  readonly signal: AbortSignal | undefined;
  /** With `mode: 'write'`, whether a carrier that holds a valid `traceparent` stays as it is. */
  readonly keepsValid: boolean;
  /** Takes the `traceresponse` that came back, whatever it is, and links the span to it where it counts. Before `end`. */
  answered(traceresponse: unknown): void;
  /** Ends the hop. Idempotent. */
  end(outcome?: Outcome): void;
}

/** Two span contexts name the same span. */
export function sameSpan(a: SpanContext, b: SpanContext): boolean {
  return a.spanId === b.spanId && a.traceId === b.traceId;
}
