import { createContextKey } from '@opentelemetry/api';
import type { Context, SpanContext } from '@opentelemetry/api';
import type { InboundHop, Peer } from './hop.ts';
import { sameSpan } from './hop.ts';
import { channelOf, peerOf } from './peer.ts';
import type { HopSettings } from './settings.ts';

// Same key in every loaded copy of this package: createContextKey is Symbol.for.
const trustedKey = createContextKey('throughline.trusted');

/** The flag of a trace that is sampled. Trace Context Level 2, 3.2.2.5.1. */
export const SAMPLED_FLAG = 0x01;

/**
 * Returns `context`, whose parent is `remote`, with the note that the sampled flag of `remote` counts: its peer is
 * authenticated, or reached us over something that not everybody can reach. `edgeSampler` looks for it. Absence says no.
 */
export function withTrust(
  context: Context,
  remote: SpanContext,
  hop: InboundHop,
  peer: Peer | undefined,
  settings: HopSettings,
): Context {
  // Nobody asks about a flag that is not set.
  if ((remote.traceFlags & SAMPLED_FLAG) === 0) return context;
  const open = channelOf(hop) === 'host';
  const known = peer ?? (open && hop.peer !== undefined ? peerOf(hop, settings) : undefined);
  const trusted = known?.authenticated ?? (!open && settings.options.firstParty !== false);
  return trusted ? context.setValue(trustedKey, remote) : context;
}

/** Whether the sampled flag of this remote parent counts. */
export function trustsFlag(context: Context, remote: SpanContext): boolean {
  const trusted = context.getValue(trustedKey) as SpanContext | undefined;
  return trusted !== undefined && sameSpan(trusted, remote);
}
