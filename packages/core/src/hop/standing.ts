import type { Attributes, Baggage, Context, Span } from '@opentelemetry/api';
import {
  ATTR_LINEAGE_ATTEMPT,
  ATTR_LINEAGE_CYCLE,
  ATTR_LINEAGE_HOPS,
  ATTR_LINEAGE_REASON,
  EVENT_LINEAGE_EXCEEDED,
} from '../conventions.ts';
import { warnOncePer } from '../diagnostics.ts';
import type { InboundHop, OutboundHop } from './hop.ts';
import { activeChain, foldedChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import { lineageText } from '../lineage/member.ts';
import { parseLineage } from '../lineage/codec.ts';
import type { LineageFields } from '../lineage/codec.ts';
import { inboundExcess, isCycle, tellLineage } from '../lineage/rules.ts';
import type { LineageRules } from '../lineage/rules.ts';
import type { LineageReason } from '../lineage/refusal.ts';

/** Where an inbound hop stands in its chain. */
export interface Standing {
  readonly fields: LineageFields;
  /** The chain that the hop shares with the request around it. */
  readonly chain: Chain | undefined;
  /** The lineage member that the hop's context keeps, for propagators that are not ours. */
  readonly member: string | undefined;
  readonly excess: LineageReason | undefined;
  readonly cycle: boolean;
}

/**
 * Returns where an inbound hop stands, or `undefined` where it begins a chain. `held` is the baggage it was offered;
 * `survives` says whether the boundary policy lets lineage in; `ambient` is the context of the HTTP request that it arrived
 * with, whose chain it is in when it brings no other.
 */
export function standingOf(
  hop: InboundHop,
  rules: LineageRules,
  held: Baggage | undefined,
  survives: boolean,
  ambient: Context | undefined,
): Standing | undefined {
  const member = survives ? lineageText(held) : hop.ownLineage;
  const around = survives && ambient !== undefined ? activeChain(ambient) : undefined;
  if (around !== undefined && (member === undefined || member === around.source)) {
    return { fields: around, chain: around, member, excess: undefined, cycle: false };
  }
  if (hop.parts !== undefined) {
    const folded = foldedChain(chainsOf(hop.parts));
    if (folded === undefined) return undefined;
    return { fields: folded, chain: undefined, member: undefined, excess: undefined, cycle: false };
  }
  if (member === undefined) return undefined;
  const offered = parseLineage(member);
  if (offered === undefined) {
    warnOncePer(
      'lineage-invalid',
      hop.transport,
      `a ${hop.transport} hop offered a \`throughline.lineage\` that is not valid, so its chain counts from zero.`,
    );
    return undefined;
  }
  return {
    fields: offered,
    chain: undefined,
    member,
    excess: inboundExcess(rules, offered),
    cycle: isCycle(rules, offered),
  };
}

function* chainsOf(parts: Iterable<Context>): Generator<Chain> {
  for (const part of parts) {
    const chain = activeChain(part);
    if (chain !== undefined) yield chain;
  }
}

/** Puts the place in a chain onto a hop span's attributes. */
export function addLineage(attributes: Attributes, chain: LineageFields, hops: number, cycle: boolean): void {
  // The first hop is most of them, and says nothing: from the second on.
  if (hops > 1) attributes[ATTR_LINEAGE_HOPS] = hops;
  if (chain.attempt > 1) attributes[ATTR_LINEAGE_ATTEMPT] = chain.attempt;
  if (cycle) attributes[ATTR_LINEAGE_CYCLE] = true;
}

/** Shows on a hop's span what its chain should be seen for, and tells the user's hook. */
export function noteExcess(
  hop: InboundHop | OutboundHop,
  direction: 'inbound' | 'outbound',
  rules: LineageRules,
  chain: Chain,
  excess: LineageReason | undefined,
  cycle: boolean,
  span: Span,
): void {
  const { transport, name } = hop;
  if (excess !== undefined) {
    if (span.isRecording()) span.addEvent(EVENT_LINEAGE_EXCEEDED, { [ATTR_LINEAGE_REASON]: excess });
    warnOncePer(
      'lineage-excess',
      `${direction} ${transport} ${excess}`,
      `a chain of agents went past its limit on ${excess} at an ${direction} ${transport} hop, which was ${rules.enforce ? 'refused' : "let through (`lineage.mode` is 'observe')"}.`,
    );
    tellLineage(rules, chain, { reason: excess, refused: rules.enforce, transport, direction, name });
  }
  if (cycle) tellLineage(rules, chain, { reason: 'cycle', refused: false, transport, direction, name });
}
