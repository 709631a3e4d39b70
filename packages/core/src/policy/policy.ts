import type { Baggage } from '@opentelemetry/api';
import { filterBaggage } from '../w3c/baggage.ts';
import { MAX_HOST, textOf, warnOnce, warnOncePer } from '../diagnostics.ts';
import type { InboundPolicy, Peer, Target } from '../parties.ts';
import type { OutboundPolicy } from './options.ts';
import { matcher } from './pattern.ts';
import type { HopSettings } from './settings.ts';

/** Returns what this inbound end does with the context it is offered. A policy function that fails restarts without a link. */
export function inboundPolicy(peer: Peer | undefined, settings: HopSettings): InboundPolicy {
  const { inbound = 'continue' } = settings.options;
  let policy: InboundPolicy;
  if (typeof inbound === 'function') {
    try {
      if (peer === undefined) throw new TypeError('the peer cannot be described');
      policy = inbound(peer);
      if (policy !== 'continue' && policy !== 'restart-with-link' && policy !== 'restart') {
        throw new TypeError(`it returned ${String(policy)}; return 'continue', 'restart-with-link' or 'restart'`);
      }
    } catch (error) {
      warnOnce('inbound-policy', `the \`inbound\` policy failed, so the trace restarts: ${textOf(error)}`);
      policy = 'restart';
    }
  } else policy = inbound;
  return policy;
}

/** Returns the members of offered baggage that this inbound end lets in: under a restart only those that `accept` names. */
export function acceptedBaggage(
  offered: Baggage | undefined,
  policy: InboundPolicy,
  settings: HopSettings,
): Baggage | undefined {
  if (settings.accepts === undefined) return policy === 'continue' ? offered : undefined;
  return filterBaggage(offered, settings.accepts);
}

/** Returns what this outbound end does with the context it holds. A policy function that fails suppresses. */
export function outboundPolicy(target: Target, settings: HopSettings): OutboundPolicy {
  const { outbound = 'inject' } = settings.options;
  if (typeof outbound !== 'function') return outbound;
  try {
    const policy = outbound(target);
    if (policy === 'inject' || policy === 'suppress') return policy;
    throw new TypeError(`it returned ${String(policy)}; return 'inject' or 'suppress'`);
  } catch (error) {
    warnOnce('outbound-policy', `the \`outbound\` policy failed, so nothing is injected: ${textOf(error)}`);
    return 'suppress';
  }
}

/** Returns the members of baggage that may go to the target, or the same object where all may. */
export function sentBaggage(held: Baggage, target: Target, settings: HopSettings): Baggage | undefined {
  const send = settings.options.baggage?.send;
  if (send === true) return held;
  if (send === false) return undefined;
  const firstParty = settings.firstParty(target);
  let sent: Baggage | undefined;
  if (typeof send === 'function') {
    try {
      const decided = send(target, firstParty);
      sent =
        typeof decided === 'boolean'
          ? decided
            ? held
            : undefined
          : filterBaggage(held, matcher(decided, 'baggage.send'));
    } catch (error) {
      warnOnce('baggage-send', `\`baggage.send\` failed, so baggage stays: ${textOf(error)}`);
    }
    return sent;
  }
  if (!firstParty) return undefined;
  return settings.sends === undefined ? held : filterBaggage(held, settings.sends);
}

/** Tells once that baggage stays here because the target is no first party. */
export function tellWithheld(target: Target, { options, firstParty }: HopSettings): void {
  const send = options.baggage?.send;
  if (typeof send === 'boolean' || typeof send === 'function' || firstParty(target)) return;
  const named = target.host ?? target.name ?? target.transport;
  const host = named.length > MAX_HOST ? `a host with a name longer than ${MAX_HOST} characters` : named;
  warnOncePer(
    'baggage-withheld',
    `${target.transport} ${host}`,
    `baggage was not sent to ${host} (${target.transport}), which is not first-party. List it in \`firstParty\` or THROUGHLINE_FIRST_PARTY if it is yours.`,
  );
}
