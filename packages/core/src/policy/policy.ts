import type { Baggage } from '@opentelemetry/api';
import { filterBaggage } from '../w3c/baggage.ts';
import { countsAlone } from '../lineage/codec.ts';
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

/** What of `baggage` may go to a target. */
export interface BaggagePass {
  /** Which members of the user's. */
  readonly members: boolean | ((key: string) => boolean);
  /** What of the lineage: to a third party its counts alone, without the hashes of agents' names. */
  readonly lineage: 'whole' | 'counts' | 'none';
}

const all: BaggagePass = { members: true, lineage: 'whole' };
const allButHashes: BaggagePass = { members: true, lineage: 'counts' };
const counts: BaggagePass = { members: false, lineage: 'counts' };
const none: BaggagePass = { members: false, lineage: 'none' };

/** Returns what of `baggage` may go to the target. A function of the user's that fails lets nothing go. */
export function baggagePass(target: Target, settings: HopSettings): BaggagePass {
  const send = settings.options.baggage?.send;
  if (send === false) return none;
  const firstParty = settings.firstParty(target);
  if (send === true) return firstParty ? all : allButHashes;
  if (typeof send !== 'function') {
    if (!firstParty) return counts;
    return settings.sends === undefined ? all : { members: settings.sends, lineage: 'whole' };
  }
  try {
    const decided = send(target, firstParty);
    if (decided === false) return none;
    const members = decided === true ? true : matcher(decided, 'baggage.send');
    return { members, lineage: firstParty ? 'whole' : 'counts' };
  } catch (error) {
    warnOnce('baggage-send', `\`baggage.send\` failed, so baggage stays: ${textOf(error)}`);
    return none;
  }
}

/** Returns the members of the user's baggage that pass, or the same object where all do. */
export function passedMembers(user: Baggage | undefined, { members }: BaggagePass): Baggage | undefined {
  if (typeof members === 'boolean') return members ? user : undefined;
  return filterBaggage(user, members);
}

/** Returns what passes of the value of the lineage member. */
export function passedLineage(text: string | undefined, { lineage }: BaggagePass): string | undefined {
  if (text === undefined || lineage === 'whole') return text;
  return lineage === 'counts' ? countsAlone(text) : undefined;
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
