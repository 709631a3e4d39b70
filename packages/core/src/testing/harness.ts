import type { Attributes, Link, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';
import type { HopOptions } from '../policy/options.ts';
import type { Outcome } from './outcome.ts';

/** A finished span, as far as the contract looks at it: the `ReadableSpan` of OpenTelemetry's SDK is one. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly links: readonly Link[];
  readonly status: SpanStatus;
  readonly parentSpanContext?: SpanContext | undefined;
  spanContext(): SpanContext;
}

/** An OpenTelemetry SDK that is registered globally and keeps finished spans in memory. */
export interface ContractTelemetry {
  /** The spans that have ended since the last reset. */
  spans(): readonly FinishedSpan[];
  reset(): unknown;
  /** The counter `throughline.hops` since the last reset, by `'transport direction outcome'`. Without it counts are not looked at. */
  hops?(): Promise<Readonly<Record<string, number>>>;
}

/** One entry of a carrier: a name as it stands there, and what stands under it. */
export type Field = readonly [name: string, value: unknown];

/**
 * What a carrier is, which decides how names are compared, which repeats count and what can stand in it:
 * `http` headers; `message` headers, which may hold bytes and repeats; `meta`, a JSON object such as MCP's; `env`, the environment of a process;
 * `handle`, text that stands for the whole context.
 */
export type ContractCarrier = 'http' | 'message' | 'meta' | 'env' | 'handle';

/**
 * What not every adapter can do. A harness says why its own cannot, and the cases that need it are listed with that reason.
 *
 * - `span`: the hop has a span.
 * - `baggage`: the user's baggage travels.
 * - `fields`: the caller puts fields of its own into the carrier.
 * - `relay`: with no span active, a context that the caller put into the carrier is the parent.
 * - `letter case`, `repeats`, `types`: names in another letter case, a field that comes twice, a value that is no text.
 * - `results`: what the wrapped function returns comes out of the wrapper.
 * - `failures`: the library, or the handler, can fail with a value of any kind.
 * - `refusal`: a hop that is past a limit of its chain is refused.
 * - `suppression`: suppressed tracing where a carrier is delivered reaches the hop.
 * - `no link`: what is active where a carrier is delivered is not linked.
 * - `twice`: something is wrapped, and so could be wrapped twice.
 */
export type Ability =
  | 'span'
  | 'baggage'
  | 'fields'
  | 'relay'
  | 'letter case'
  | 'repeats'
  | 'types'
  | 'results'
  | 'failures'
  | 'refusal'
  | 'suppression'
  | 'no link'
  | 'twice';

/** Why an adapter cannot do something, by what it cannot do. */
export type Inabilities = Readonly<Partial<Record<Ability, string>>>;

/** How to wrap the library for one case. */
export interface Opening {
  /** The options to wrap it with. */
  readonly options: HopOptions;
  /** Wrap it, and then wrap the result again with the same options. */
  readonly twice: boolean;
}

/** One call that leaves. */
export interface Call {
  /** What the caller itself puts into the carrier: hand it over as it is, it may be frozen. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  /** Where it is given, the library does this in place of its own work: it returns or throws what this does. */
  readonly instead: (() => unknown) | undefined;
}

/** What became of a call. */
export interface Sent {
  /** What the caller got: see `outcomeOf`. */
  readonly outcome: Outcome;
  /** What the library was given to send: every entry of the carrier, repeats too. `undefined` where it was not called. */
  readonly wire: readonly Field[] | undefined;
}

/** One carrier that arrives. */
export interface Arrival {
  /** What the carrier holds. Put it on the wire as it is; one name may come twice. */
  readonly fields: readonly Field[];
  /** The work of the handler: it returns a value, a promise or a thenable, or fails. */
  readonly handle: () => unknown;
}

/** How a failed handler shows, where the library stands between it and whoever asked. */
export interface FailureShown {
  /** The `error.type` of the span. */
  readonly errorType: string | RegExp;
  /** Asserts that whoever asked got a failure. */
  assert(outcome: Outcome): void;
}

/** A wrapped library that sends. */
export interface Sender {
  send(call: Call): Promise<Sent>;
  close?(): unknown;
}

/** A wrapped library that receives. */
export interface Receiver {
  /** Delivers a carrier to the handler, and resolves once the hop is over: with what came out of the wrapped handler. */
  deliver(arrival: Arrival): Promise<Outcome>;
  close?(): unknown;
}

/** Objects that are wrapped: the contract makes them in every form that people write. */
export interface WrappedObject {
  /** The method that is traced, or that leads to it: `send`, `connect`. */
  readonly method: string;
  /** Returns the library's own object, for one form; not wrapped. */
  library(): object | Promise<object>;
  /** Wraps an object that has the method. */
  wrap<T extends object>(object: T, options: HopOptions): T;
  /** Uses an object once: calls `object[method](…)`, and resolves once the hop is over. */
  use(object: Readonly<Record<string, (...args: unknown[]) => unknown>>, method: string): Promise<unknown>;
}

/** A function that is wrapped. */
export interface WrappedFunction {
  /** Wraps `fn`, a function of the library's kind. */
  wrap<F extends (this: unknown, ...args: unknown[]) => unknown>(fn: F, options: HopOptions): F;
  /** Arguments to call it with. */
  args(): unknown[];
}

/**
 * What {@link adapterContract} has to know of an adapter. Everything in it is about the library: how to send with it and see what is
 * on the wire, how to deliver a carrier to a handler, how to make it fail, and how it refuses.
 */
export interface AdapterHarness {
  /** The adapter's name, for the names of the cases. */
  readonly name: string;
  /** The transport of its hops, as in `throughline.hops{transport}`. */
  readonly transport: string;
  readonly carrier: ContractCarrier;
  readonly telemetry: ContractTelemetry;
  readonly outbound?: {
    open(opening: Opening): Sender | Promise<Sender>;
    readonly cannot?: Inabilities;
    /** Asserts that this is what a refused call comes to. Default: a `LineageError` is thrown. */
    refused?(outcome: Outcome): void;
  };
  readonly inbound?: {
    open(opening: Opening): Receiver | Promise<Receiver>;
    readonly cannot?: Inabilities;
    /** Asserts that this is how the transport refuses. Default: a `LineageError` is thrown. */
    refused?(outcome: Outcome): void;
    /** How a failed handler shows. Default: the very value that it threw comes out. */
    readonly failure?: FailureShown;
  };
  readonly objects?: WrappedObject;
  readonly functions?: WrappedFunction;
  /** Options of the adapter's own that throw when they are asked, by name: such as `{ spanFor: { spanFor: () => { throw … } } }`. */
  readonly throwing?: Readonly<Record<string, object>>;
}

/** One thing that every adapter does. */
export interface ContractCase {
  readonly name: string;
  /** Why it is not looked at here; `run` then does nothing. */
  readonly reason?: string | undefined;
  /** Runs the case. Rejects with an `AssertionError` that says what is wrong. Run one at a time. */
  run(): Promise<void>;
}
