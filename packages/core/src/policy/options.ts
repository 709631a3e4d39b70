import type { MeterProvider, TextMapPropagator, TracerProvider } from '@opentelemetry/api';
import type { InboundPolicy, Peer, Target } from '../parties.ts';
import type { Limits } from '../w3c/limits.ts';
import type { AgentIdentity } from '../lineage/agent.ts';
import type { LineageOptions } from '../lineage/rules.ts';

export type { AgentIdentity };

/** What an outbound end does with the context it holds: `suppress` keeps the span and sends no field. */
export type OutboundPolicy = 'inject' | 'suppress';

/** A name, or a pattern: a regular expression, or text in which `*` stands for any run of characters. */
export type Pattern = string | RegExp;

// As a method's type it also takes a function whose peer is that of one adapter, such as ExpressPeer.
type OfPeer<T> = { ask(peer: Peer): T }['ask'];

/** To whom baggage goes, and which of its members. */
export type BaggageSend =
  | boolean
  | readonly Pattern[]
  | ((target: Target, firstParty: boolean) => boolean | readonly Pattern[]);

/** Which baggage comes in, where it goes, and what of it is copied onto hop spans. */
export interface BaggageOptions {
  /** Keys or patterns let in. Default: all, within the limits; under a restart policy none. */
  readonly accept?: readonly Pattern[] | undefined;
  /**
   * `true`: all, to everyone. `false`: none, to no one, the lineage neither: no `baggage` field goes. A list: these keys, to
   * first-party targets. A function decides for each target, and its `false` is one. Default: all, to first-party targets.
   */
  readonly send?: BaggageSend | undefined;
  /** Keys copied onto hop spans as attributes. Default: `session.id`, `gen_ai.conversation.id`. */
  readonly toAttributes?: readonly string[] | undefined;
  /** How many different values an attribute may have in this process; further ones become `_other`. Default: any number. */
  readonly maxValues?: number | undefined;
}

/**
 * The options that every adapter takes. A program makes one object and hands it to all of them. Everything has a default.
 *
 * @example
 * ```ts
 * const options: HopOptions = { agent: 'planner', firstParty: ['*.example.com'] };
 * app.use(traceContext(options));
 * const fetch = traceFetch(globalThis.fetch, options);
 * ```
 */
export interface HopOptions {
  /**
   * This agent's name: `throughline.agent.name` on hop spans, and a step in the path of the lineage. Default: that of the inbound hop
   * around.
   */
  readonly agent?: string | AgentIdentity | undefined;
  /** A policy, or a function of the peer. Default `continue`. */
  readonly inbound?: InboundPolicy | OfPeer<InboundPolicy> | undefined;
  /**
   * Says whether the peer has proved who it is: `peer.authenticated` for an `inbound` function, whose sampled flag counts for
   * `edgeSampler`, and who gets an answer. `undefined` leaves it to the adapter. A throw counts as `false`.
   */
  readonly authenticated?: OfPeer<boolean | undefined> | undefined;
  /**
   * Whether a caller whose trace was restarted with a link is told the new one (`traceresponse`), and whether a call links what
   * it is told. Default `first-party`: peers that are authenticated; where `authenticated` is not given, those at private
   * addresses, with no proxy between, and those in memory and over stdio. `authenticated`: callers that are, and nobody else.
   */
  readonly answer?: 'first-party' | 'authenticated' | boolean | undefined;
  /** A policy, or a function of the target. Default `inject`. */
  readonly outbound?: OutboundPolicy | ((target: Target) => OutboundPolicy) | undefined;
  /**
   * Names and patterns of hosts, servers and brokers that are ours, beside the private ones that always are; or a boolean for
   * the one peer of this wrap. `THROUGHLINE_FIRST_PARTY` (comma-separated) adds to a list. A host is compared without port, brackets
   * and the dot of an absolute name; letter case does not count, that of a regular expression neither.
   */
  readonly firstParty?: boolean | readonly Pattern[] | undefined;
  /**
   * Whether the text of an error goes onto the span of a call to a third party, which writes it and may quote what it was sent.
   * Default `false`: `error.type` alone. Calls of first parties, and work that fails here, have it always.
   */
  readonly recordErrorText?: boolean | undefined;
  readonly baggage?: BaggageOptions | undefined;
  /** Bounds applied before decoding, on every carrier. */
  readonly limits?: Partial<Limits> | undefined;
  /**
   * Limits on the chain of agents and tools: hops, calls, attempts, deadline. Default: observed, at 32 hops. `false`: none is
   * read or written.
   */
  readonly lineage?: LineageOptions | false | undefined;
  /**
   * What happens to fields that an outbound carrier already holds. Default `replace`. Below a hop whose policy is a restart they are
   * replaced in any case: they may be what it kept out.
   */
  readonly existing?: 'replace' | 'keep' | undefined;
  /** `false`: propagation only. It begins no trace, and no chain unless `agent`, `maxHops` or a budget is given. Default `true`. */
  readonly spans?: boolean | undefined;
  /** A propagator of your own; `global` takes the global one as it is. */
  readonly propagator?: TextMapPropagator | 'global' | undefined;
  readonly tracerProvider?: TracerProvider | undefined;
  readonly meterProvider?: MeterProvider | undefined;
}
