import { createContextKey, propagation } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import { layered } from '../context/layer.ts';
import type { InboundPolicy, Peer, Transport } from '../parties.ts';
import type { Agent } from './agent.ts';
import { chainOf, rootChain } from './chain.ts';
import type { Chain } from './chain.ts';
import { parseLineage } from './codec.ts';
import { splitBaggage } from './member.ts';
import type { LineageRules } from './rules.ts';

/**
 * What a context knows of the hop that runs in it: one value under one key. Everything else about a hop is in its span and in the
 * user's baggage.
 */
export interface HopState {
  /** The inbound hop that runs, which all contexts below it share. */
  readonly receipt: Receipt | undefined;
  /** The chain that counts here, where it is not that of the hop: in an attempt, under a deadline or a budget. */
  readonly chain: Chain | undefined;
}

/**
 * The account of one inbound hop. Outbound hops count themselves in it, sampled or not, so that what was made and what was
 * exported can be compared later.
 */
export interface Receipt {
  readonly transport: Transport;
  /** The object that stands for the HTTP request that the hop is, where it is one and has not ended. */
  request: object | undefined;
  /** Who asked, where that was looked at: what an HTTP request brings in comes from the same peer. */
  readonly peer: Peer | undefined;
  /** The span context that the hop was offered: what still carries it is the work that came in. */
  readonly offered: SpanContext | undefined;
  /** What the boundary policy said. Where that is a restart, nothing that the hop was offered goes on. */
  readonly policy: InboundPolicy;
  /** The lineage member that it was offered, as text. */
  readonly lineage: string | undefined;
  /** Where the hop stands in its chain. Where it is at the start of one, that is made when somebody asks: see {@link activeChain}. */
  chain: Chain | undefined;
  /** The rules of the hop's wrap; `undefined` where lineage is off. */
  readonly rules: LineageRules | undefined;
  /** Whose hop it is: what it calls is that agent's too. */
  readonly agent: Agent | undefined;
  /** How deep the hop is at the start of a chain: 1 below a caller that says nothing of one, 0 at a root. */
  readonly depth: number;
  /** The parent of the hop, where its sampled flag counts: see `edgeSampler`. Absence says no. */
  trusted: SpanContext | undefined;
  /** Outbound hops started under this inbound hop. */
  calls: number;
  ended: boolean;
}

/** Returns the account of a hop that lets nothing in, and begins its chain. */
export function closedReceipt(
  transport: Transport,
  request: object | undefined,
  rules: LineageRules | undefined,
  agent: Agent | undefined,
): Receipt {
  return {
    transport,
    request,
    rules,
    agent,
    policy: 'restart',
    peer: undefined,
    offered: undefined,
    lineage: undefined,
    chain: undefined,
    depth: 0,
    trusted: undefined,
    calls: 0,
    ended: false,
  };
}

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const stateKey = createContextKey('throughline.hop');

function stateOf(context: Context): HopState | undefined {
  return context.getValue(stateKey) as HopState | undefined;
}

/** Returns the account of the inbound hop that this context runs in. */
export function receiptOf(context: Context): Receipt | undefined {
  return stateOf(context)?.receipt;
}

/** Whether `context` runs in the inbound hop whose context `hop` is: it is that one, or made from it. */
export function isWithin(context: Context, hop: Context): boolean {
  if (context === hop) return true;
  const receipt = receiptOf(hop);
  return receipt !== undefined && receiptOf(context) === receipt;
}

/**
 * Whether this context runs in a hop that kept out what it was offered. Fields that a caller puts into a carrier there may be those
 * very ones, forwarded: they are neither a parent nor passed on.
 */
export function isRestarted(context: Context): boolean {
  const policy = receiptOf(context)?.policy;
  return policy !== undefined && policy !== 'continue';
}

/** Returns `context` as that of an inbound hop, in the hop's own chain. */
export function withReceipt(context: Context, receipt: Receipt): Context {
  return layered(context).setValue(stateKey, { receipt, chain: undefined } satisfies HopState);
}

/** Returns `context` with a chain, which counts before that of its inbound hop. */
export function withChain(context: Context, chain: Chain): Context {
  return layered(context).setValue(stateKey, { receipt: receiptOf(context), chain } satisfies HopState);
}

/**
 * Returns the chain that a context is in. Baggage that another propagator extracted holds one too; where both are there
 * the deeper counts, so that no extraction over a context loses hops.
 */
export function activeChain(context: Context): Chain | undefined {
  return chainWith(context, splitBaggage(propagation.getBaggage(context)).lineage);
}

/** {@link activeChain}, for who has taken the baggage of the context apart already. */
export function chainWith(context: Context, lineage: string | undefined): Chain | undefined {
  const state = stateOf(context);
  const chain = state?.chain ?? (state?.receipt === undefined ? undefined : chainOfHop(state.receipt));
  const carried = lineage === undefined ? undefined : parseLineage(lineage);
  if (carried === undefined || (chain !== undefined && chain.hops >= carried.hops)) return chain;
  return chain === undefined ? chainOf(carried) : { ...chain, hops: carried.hops };
}

function chainOfHop(receipt: Receipt): Chain | undefined {
  const { chain, rules, depth } = receipt;
  if (chain !== undefined || rules === undefined) return chain;
  return (receipt.chain = rootChain(rules.maxHops, rules, depth));
}

/** Returns `context` for what is done about a refused hop, such as sending its message to a dead-letter topic: no limit holds. */
export function exempted(context: Context): Context {
  const chain = activeChain(context);
  return chain === undefined ? context : withChain(context, { ...chain, exempt: true });
}
