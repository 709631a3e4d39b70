import type { ContractHop } from './contract.ts';
import type { ChainBoundary, ChainFinding } from './finding.ts';
import type { Index } from './graph.ts';
import { Fact } from './columns/facts.ts';
import { wayOf } from './boundary.ts';
import { listed } from './listed.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Judged } from './rules/context.ts';
import { crossing, shown, times } from './words.ts';

/** What a service sent, and nobody in the capture was seen to receive: whoever does is not traced, or not in the capture. */
export interface UnheardSends {
  readonly from: string;
  readonly transport: string;
  /** The path, topic, queue or tool. */
  readonly over?: string;
  /** Where it went, where that is a name of a domain. */
  readonly host?: string;
  readonly count: number;
}

/** The same, with where it is in the graph. */
export interface Unheard extends UnheardSends {
  readonly point: MeetingPoint;
  readonly first: Index;
  count: number;
}

/** Returns what was sent and never seen to arrive, by who sent it and over what, in the order in which it is first seen. */
export function unheardOf({ graph, ends, arrivals, isSettled }: Judged): Unheard[] {
  const arrived = new Set(arrivals.map(({ sender }) => sender));
  const ways = new Map<string, Unheard>();
  for (const sender of ends.senders) {
    if (ends.heardBy(sender).length > 0 || arrived.has(sender) || !isSettled(sender)) continue;
    const point = graph.meetingPoint(sender) as MeetingPoint;
    // Who could not be reached did not hear.
    if (point.waits && graph.is(sender, Fact.failed)) continue;
    const { transport, over, host } = point;
    const key = `${graph.serviceNumber(sender)}\n${transport}\n${over}\n${host}`;
    listed(ways, key, (): Unheard => {
      const way = { ...(over === undefined ? undefined : { over }), ...(host === undefined ? undefined : { host }) };
      return { from: graph.serviceOf(sender), transport, ...way, count: 0, point, first: sender };
    }).count++;
  }
  return [...ways.values()];
}

/** Returns a finding for what was sent over an edge whose receiver is said to be in the capture, and never seen to arrive. */
export function unheardFindings(
  unheard: readonly Unheard[],
  edges: readonly ContractHop[],
  { graph }: Judged,
): ChainFinding[] {
  const findings: ChainFinding[] = [];
  for (const { from, to, transport, over } of edges) {
    // An edge that does not say over what may be any of the calls of third parties.
    if (over === undefined) continue;
    const sent = unheard.filter(
      (one) =>
        one.from === from &&
        (transport === undefined || one.transport === transport) &&
        (one.over === over || one.point.names.includes(over)),
    );
    const [first] = sent;
    if (first === undefined) continue;
    const count = sent.reduce((sum, one) => sum + one.count, 0);
    const boundary: ChainBoundary = { from, to, transport: first.transport, over, missing: 'span' };
    findings.push({
      code: 'unheard',
      severity: 'error',
      message: `${crossing(boundary)}: ${shown(from)} sent ${times(count)}, and ${shown(to)}, which should be in the capture, was not seen to receive it`,
      boundary,
      spans: sent.map((one) => graph.idOf(one.first)),
      count,
    });
  }
  return findings;
}

/** So many ways are named in a sentence. */
const NAMED = 3;

/** Returns a finding for each service that should be in the capture and has no span there, with what was sent that it may have received. */
export function silentFindings(unheard: readonly Unheard[], { graph, silent }: Judged): ChainFinding[] {
  return silent.map((service) => {
    const ways = unheard
      .slice(0, NAMED)
      .map(
        (one) =>
          `${shown(one.from)} sent over ${shown(one.transport)} ${shown(one.over ?? '')}`.trim() +
          `, ${times(one.count)}`,
      );
    const sent = ways.length === 0 ? '' : `. Nobody was seen to receive what ${ways.join('; ')}`;
    const [only] = unheard;
    const boundary: ChainBoundary =
      only !== undefined && unheard.length === 1
        ? { from: only.from, to: service, ...wayOf(only.point), missing: 'span' }
        : { to: service, missing: 'span' };
    return {
      code: 'silent-service',
      severity: 'error',
      message: `nothing came from ${shown(service)}, which should be in the capture: it is not traced, exports to somewhere else, records nothing, or ended before its export${sent}`,
      boundary,
      spans: unheard.slice(0, NAMED).map((one) => graph.idOf(one.first)),
      count: 1,
    };
  });
}
