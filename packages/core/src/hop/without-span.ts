import type { Context } from '@opentelemetry/api';
import type { InboundHop, OutboundHop, Sending } from './hop.ts';
import { startInbound } from './inbound.ts';
import { startOutbound } from './outbound.ts';
import type { HopSettings } from '../policy/settings.ts';

/**
 * Returns what the active context writes into a carrier that the caller sends by itself. Opens no span. Throws the
 * `LineageError` where the chain is past a limit and `lineage` enforces it.
 */
export function outboundFields(hop: Omit<OutboundHop, 'span'>, settings: HopSettings): Sending {
  const sending = startOutbound({ ...hop, span: false }, settings);
  sending.end();
  if (sending.refused !== undefined) throw sending.error;
  return sending;
}

/**
 * Returns the context that a carrier offers, for work that the caller runs by itself. Opens no span. Never throws, and refuses
 * nothing: no work has been asked for yet, and the next outbound hop of a chain that is past its limits is refused.
 */
export function inboundContext(hop: Omit<InboundHop, 'span'>, settings: HopSettings): Context {
  const received = startInbound({ ...hop, span: false }, settings);
  received.end();
  return received.context;
}
