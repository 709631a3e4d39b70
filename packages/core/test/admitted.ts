import * as core from '@throughline/core/adapter';
import type { HopSettings, InboundHop, OutboundHop, Received, Sending } from '@throughline/core/adapter';

/** `startInbound` of a hop that no limit of its chain can refuse. */
export function startInbound(hop: InboundHop, settings?: HopSettings): Received {
  const received = core.startInbound(hop, settings);
  if (received.refused !== undefined) throw received.error;
  return received;
}

/** `startOutbound` of a hop that no limit of its chain can refuse. */
export function startOutbound(hop: OutboundHop, settings?: HopSettings): Sending {
  const sending = core.startOutbound(hop, settings);
  if (sending.refused !== undefined) throw sending.error;
  return sending;
}
