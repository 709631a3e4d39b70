import { clocksOf, SLACK } from './clocks.ts';
import { Fact } from './columns/facts.ts';
import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';
import type { SpanKindName } from '../span.ts';
import { meets } from './meeting-point.ts';
import type { MeetingPoint } from './meeting-point.ts';
import { waitingSenders } from './waiting-senders.ts';

/** The ends of the hops of a capture: who sent, who received, and who was never seen to be heard. */
export interface Ends {
  /** Spans that send to somebody: the innermost of those that stand for one call. */
  readonly senders: readonly Index[];
  isSender(at: Index): boolean;
  /** Spans that somebody sent for, from inside the capture or from outside of it, in the order of their start. */
  readonly receivers: readonly Index[];
  /** The spans that were seen to receive what a span sent. */
  heardBy(sender: Index): readonly Index[];
  /**
   * Returns the sender that an arrival belongs to by where they meet and when, if nobody else was seen to hear it; the latest such.
   * A request is given away once.
   */
  claim(receiver: Index): Index | undefined;
  /** When an arrival began, by the clock of who sent. */
  arrivedAt(receiver: Index, sender: Index): number;
}

/** Returns the ends of the hops in a graph. */
export function endsOf(graph: SpanGraph): Ends {
  const receivers: Index[] = [];
  const senders: Index[] = [];
  const sending = new Uint8Array(graph.size);
  for (let at = 0; at < graph.size; at++) {
    if (isReceiver(graph, at)) receivers.push(at);
    if (isSender(graph, at)) {
      senders.push(at);
      sending[at] = 1;
    }
  }
  receivers.sort((a, b) => graph.startOf(a) - graph.startOf(b));
  const clocks = clocksOf(graph, receivers);
  const heardBy = (sender: Index): readonly Index[] => hearersOf(graph, sender);
  const waiting = waitingSenders(graph, senders, clocks, heardBy);
  return {
    senders,
    isSender: (at) => sending[at] === 1,
    receivers,
    heardBy,
    arrivedAt: (receiver, sender) => graph.startOf(receiver) - clocks.ahead(sender, receiver),
    claim(receiver) {
      const kind = graph.kindOf(receiver);
      // A span that goes out says where it goes, and not how it was reached.
      return kind === 'CLIENT' || kind === 'PRODUCER' ? undefined : waiting.claim(receiver);
    },
  };
}

/** The spans that received what a span sent: below it, or by a link. */
function hearersOf(graph: SpanGraph, sender: Index): readonly Index[] {
  const service = graph.serviceNumber(sender);
  const hearing: Index[] = [];
  const listen = (at: Index): void => {
    if (graph.serviceNumber(at) !== service || isReceiver(graph, at)) hearing.push(at);
  };
  for (const child of graph.childrenOf(sender)) listen(child);
  // What is sent on links to what it is about, and was heard by whoever received that.
  for (const linking of graph.linkingTo(sender)) if (graph.kindOf(linking) !== 'PRODUCER') listen(linking);
  return hearing;
}

/** Whether a span is the inbound end of a hop: what asks a broker for messages is none, and what it hands to handlers is. */
export function isReceiver(graph: SpanGraph, at: Index): boolean {
  const kind = graph.kindOf(at);
  if (kind === 'SERVER') return true;
  if (kind !== 'CONSUMER') return (graph.hasParent(at) && graph.isRemote(at)) || isServedLate(graph, at);
  if (!graph.is(at, Fact.polls)) return true;
  // What asks for many at once, and does nothing with them, has handed them on.
  if (graph.is(at, Fact.batch) && graph.childrenOf(at).length === 0) return false;
  return !graph.childrenOf(at).some((child) => graph.kindOf(child) === 'CONSUMER');
}

/** Whether a request is served below a span of its own process that was over, and is none of its parts. */
function isServedLate(graph: SpanGraph, at: Index): boolean {
  const parent = graph.parentOf(at);
  return graph.is(at, Fact.serves) && parent !== NONE && graph.endOf(parent) + SLACK < graph.startOf(at);
}

/** Whether a span stands for something sent that somebody receives; of nested ones for the same call, the innermost. */
function isSender(graph: SpanGraph, at: Index): boolean {
  const kind = graph.kindOf(at);
  const point = graph.meetingPoint(at);
  if (point === undefined || !goesOut(kind, point)) return false;
  if (kind === 'CLIENT' && !point.waits && (graph.is(at, Fact.consumes) || linksToOwnMessages(graph, at))) return false;
  return !graph.childrenOf(at).some((child) => {
    if (graph.serviceNumber(child) !== graph.serviceNumber(at)) return false;
    const inner = graph.meetingPoint(child);
    return inner !== undefined && goesOut(graph.kindOf(child), inner) && meets(point, inner);
  });
}

/** The span that has a tool executed stands for the call of MCP too, where it says so. */
function goesOut(kind: SpanKindName, { transport }: MeetingPoint): boolean {
  return kind === 'CLIENT' || kind === 'PRODUCER' || (kind === 'INTERNAL' && transport === 'mcp');
}

// Where each message has a span of its own, that is what carries the context.
function linksToOwnMessages(graph: SpanGraph, at: Index): boolean {
  const isMessage = (other: Index): boolean => graph.kindOf(other) === 'PRODUCER';
  return graph.linkedFrom(at).some(isMessage) || graph.childrenOf(at).some(isMessage);
}
