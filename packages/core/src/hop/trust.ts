import type { Context, SpanContext } from '@opentelemetry/api';
import type { Peer } from '../parties.ts';
import type { InboundHop } from './hop.ts';
import { sameSpan } from './hop.ts';
import { channelOf, peerOf } from './peer.ts';
import { receiptOf } from '../lineage/state.ts';
import type { HopSettings } from '../policy/settings.ts';

/** The flag of a trace that is sampled. Trace Context Level 2, 3.2.2.5.1. */
export const SAMPLED_FLAG = 0x01;

/**
 * Returns whether the sampled flag of `remote` counts, the parent of a hop: its peer is authenticated, or reached us over something
 * that not everybody can reach. The receipt keeps it for `edgeSampler`.
 */
export function isTrusted(
  remote: SpanContext,
  hop: InboundHop,
  peer: Peer | undefined,
  settings: HopSettings,
): boolean {
  // Nobody asks about a flag that is not set.
  if ((remote.traceFlags & SAMPLED_FLAG) === 0) return false;
  const open = channelOf(hop) === 'host';
  const known = peer ?? (open && hop.peer !== undefined ? peerOf(hop, settings) : undefined);
  return known?.authenticated ?? (!open && settings.options.firstParty !== false);
}

/** Whether the sampled flag of this remote parent counts. */
export function trustsFlag(context: Context, remote: SpanContext): boolean {
  const trusted = receiptOf(context)?.trusted;
  return trusted !== undefined && sameSpan(trusted, remote);
}
