import type { Attributes, Context, Span } from '@opentelemetry/api';
import {
  ATTR_LINEAGE_ATTEMPT,
  ATTR_LINEAGE_CYCLE,
  ATTR_LINEAGE_HOPS,
  ATTR_LINEAGE_REASON,
  EVENT_LINEAGE_EXCEEDED,
} from '../conventions.ts';
import { warnOncePer } from '../diagnostics.ts';
import type { Agent } from '../lineage/agent.ts';
import { foldedChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import { parseLineage } from '../lineage/codec.ts';
import type { LineageFields } from '../lineage/codec.ts';
import type { LineageReason } from '../lineage/refusal.ts';
import { enteredChain, inboundExcess, isCycle, tellLineage } from '../lineage/rules.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { activeChain, receiptOf } from '../lineage/state.ts';
import { describeSpan } from '../telemetry/span.ts';
import type { InboundHop, OutboundHop } from './hop.ts';

/** Where an inbound hop that did not begin its chain stands in it. */
export interface Position {
  readonly chain: Chain;
  readonly excess: LineageReason | undefined;
  readonly cycle: boolean;
}

/**
 * Returns where an inbound hop stands, or `undefined` where it begins a chain. `offered` is the lineage member that it brings;
 * `survives` says whether the boundary policy lets lineage in; `ambient` is the context of the HTTP request that it arrived
 * with, whose chain it is in when it brings no other; `agent` is whose hop it is.
 */
export function positionOf(
  hop: InboundHop,
  rules: LineageRules,
  offered: string | undefined,
  survives: boolean,
  ambient: Context | undefined,
  agent: Agent | undefined,
): Position | undefined {
  const member = survives ? offered : hop.ownLineage;
  const around = survives && ambient !== undefined ? activeChain(ambient) : undefined;
  // What arrived inside a request, with the request's own lineage or none, is not a step deeper than the request.
  if (around !== undefined && (member === undefined || member === receiptOf(ambient as Context)?.lineage)) {
    return { chain: around, excess: undefined, cycle: false };
  }
  if (hop.parts !== undefined) {
    const folded = foldedChain(hop.parts);
    return folded === undefined ? undefined : { chain: enteredChain(rules, folded), excess: undefined, cycle: false };
  }
  if (member === undefined) return undefined;
  const fields = parseLineage(member);
  if (fields === undefined) {
    warnOncePer(
      'lineage-invalid',
      hop.transport,
      `a ${hop.transport} hop offered a \`throughline.lineage\` that is not valid, so its chain counts from zero.`,
    );
    return undefined;
  }
  const excess = hop.notice === true ? undefined : inboundExcess(rules, fields);
  return { chain: enteredChain(rules, fields), excess, cycle: isCycle(agent, fields) };
}

/** Puts the place in a chain onto a hop span's attributes. */
export function addLineage(attributes: Attributes, chain: LineageFields, hops: number, cycle: boolean): void {
  // The first hop is most of them, and says nothing: from the second on.
  if (hops > 1) attributes[ATTR_LINEAGE_HOPS] = hops;
  if (chain.attempt > 1) attributes[ATTR_LINEAGE_ATTEMPT] = chain.attempt;
  if (cycle) attributes[ATTR_LINEAGE_CYCLE] = true;
}

/** What is said of a hop that went past a limit. */
export type NotedHop = Pick<OutboundHop, 'transport' | 'name'>;

/** Shows on a hop's span what its chain should be seen for, and tells the user's hook. */
export function noteExcess(
  { transport, name }: NotedHop,
  direction: 'inbound' | 'outbound',
  rules: LineageRules,
  chain: Chain,
  excess: LineageReason | undefined,
  cycle: boolean,
  span: Span,
): void {
  if (excess !== undefined) {
    describeSpan(span, (recorded) => recorded.addEvent(EVENT_LINEAGE_EXCEEDED, { [ATTR_LINEAGE_REASON]: excess }));
    warnOncePer(
      'lineage-excess',
      `${direction} ${transport} ${excess}`,
      `a chain of agents went past its limit on ${excess} at an ${direction} ${transport} hop, which was ${rules.enforce ? 'refused' : "let through (`lineage.mode` is 'observe')"}.`,
    );
    tellLineage(rules, chain, { reason: excess, refused: rules.enforce, transport, direction, name });
  }
  if (cycle) tellLineage(rules, chain, { reason: 'cycle', refused: false, transport, direction, name });
}
