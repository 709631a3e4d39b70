/*
 * Who is at the ends of a hop:
 *
 *     caller                                                      receiver
 *       │  startOutbound(hop)                                        │
 *       ├── span ── policy ── fields ─────── carrier ────── fields ──┤ startInbound(hop)
 *       │                                                            ├── policy ── span ── run
 *       └── end(outcome)                                             └── end(outcome)
 *
 * The caller knows its `Target`, the receiver its `Peer`.
 */

/** What a hop crosses, as it appears in `throughline.hops{transport}`: `http`, `kafka`, `mcp`, … */
export type Transport = string;

/** What a hop goes through: a network `host`, the `memory` of this process, a message `broker`, a child or parent `process`. */
export type Channel = 'host' | 'memory' | 'broker' | 'process';

/** The headers that came with a hop, for reading alone: of the HTTP request, or of the message. */
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
  /** The host name or address, without port and brackets, for a `host`; brokers and servers may give a name. */
  readonly host?: string | undefined;
  /** The topic, method or path, where it is known. */
  readonly name?: string | undefined;
}

/** What became of the context that an inbound hop was offered, or an outbound one held. */
export type HopOutcome = 'continued' | 'restarted' | 'started' | 'invalid' | 'refused' | 'suppressed';

/**
 * What an inbound end does with the context it is offered: `continue` makes a child of the remote span,
 * `restart-with-link` a new trace that links to it, `restart` a new trace without a link.
 */
export type InboundPolicy = 'continue' | 'restart-with-link' | 'restart';
