import { propagation } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { splitBaggage } from '../lineage/member.ts';
import { receiptOf } from '../lineage/state.ts';
import type { InboundPolicy } from '../parties.ts';
import type { HopSettings } from '../policy/settings.ts';
import type { InboundHop } from './hop.ts';
import type { Offered } from './offered.ts';

/**
 * Returns the policy of the HTTP request around a hop where that was restarted, and the options of the hop say nothing of their own:
 * what came inside a request is no more trusted than the request.
 */
export function restartAround(hop: InboundHop, active: Context, settings: HopSettings): InboundPolicy | undefined {
  if (hop.http !== 'payload' && hop.insideRequest !== true) return undefined;
  const around = receiptOf(active);
  if (around === undefined || around.policy === 'continue') return undefined;
  // The request's own hop, or the one that has read this carrier already.
  if (around.transport !== 'http' && around.transport !== hop.transport) return undefined;
  return settings.options.inbound === undefined ? around.policy : undefined;
}

/** Returns what counts of what came inside a request that was restarted: what the request let in. */
export function withinRequest(brought: Offered, active: Context, settings: HopSettings): Offered {
  return {
    spanContext: undefined,
    user: settings.accepts === undefined ? splitBaggage(propagation.getBaggage(active)).user : brought.user,
    lineage: settings.lineage?.keepOnRestart === true ? brought.lineage : undefined,
    invalid: brought.invalid,
  };
}
