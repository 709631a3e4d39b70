import { createContextKey } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import type { Peer, Transport } from '../hop/hop.ts';
import type { Chain } from './chain.ts';
import type { LineageFields } from './codec.ts';
import type { LineageRules } from './rules.ts';

/**
 * The account of one inbound hop, kept in its context. Outbound hops count themselves in it, sampled or not, so that what
 * was made and what was exported can be compared later.
 */
export interface Receipt {
  readonly transport: Transport;
  /** The object that stands for the HTTP request that the hop is, where it is one. */
  readonly request: object | undefined;
  /** Who asked, where that was looked at: what an HTTP request brings in comes from the same peer. */
  readonly peer?: Peer | undefined;
  /** The parent of the hop, where its sampled flag counts: see `edgeSampler`. Absence says no. */
  trusted: SpanContext | undefined;
  /** Outbound hops started under this inbound hop. */
  calls: number;
  ended: boolean;
  /** Where the hop stands in its chain. Mostly it is made when somebody asks, from what follows; see `activeChain`. */
  chain: Chain | undefined;
  /** The lineage that the hop was offered. */
  readonly offered: { readonly fields: LineageFields; readonly member: string | undefined } | undefined;
  /** How deep the hop is where its chain is made: 1 below a caller that says nothing of a chain, 0 at a root. */
  readonly depth: number;
  /** The rules of the hop's wrap; `undefined` where lineage is off. */
  readonly rules: LineageRules | undefined;
}

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const receiptKey = createContextKey('throughline.receipt');

/** Returns the account of the inbound hop that this context runs in. */
export function receiptOf(context: Context): Receipt | undefined {
  return context.getValue(receiptKey) as Receipt | undefined;
}

/** Returns `context` with the account of an inbound hop. */
export function withReceipt(context: Context, receipt: Receipt): Context {
  return context.setValue(receiptKey, receipt);
}
