import { number, meets, text } from './meeting-point.ts';
import type { MeetingPoint } from './meeting-point.ts';
import type { Index, SpanGraph } from './graph.ts';
import { clocksOf } from './clocks.ts';

/** Milliseconds that clocks of one machine, and rounding, may be apart. */
export const SLACK = 50;

/** The ends of the hops of a capture: who sent, who received, and who was never seen to be heard. */
export interface Ends {
  /** Spans that send to somebody: the innermost of those that stand for one call. */
  readonly senders: ReadonlySet<Index>;
  /** Spans that somebody sent for, from inside the capture or from outside of it, in the order of their start. */
  readonly receivers: readonly Index[];
  /** The services that were seen to receive what a span sent. */
  heardBy(sender: Index): ReadonlySet<string>;
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
  const senders = new Set<Index>();
  for (let at = 0; at < graph.size; at++) {
    if (isReceiver(graph, at)) receivers.push(at);
    if (isSender(graph, at)) senders.add(at);
  }
  receivers.sort((a, b) => graph.startOf(a) - graph.startOf(b));
  const heard = new Map<Index, ReadonlySet<string>>();
  for (const sender of senders) {
    const services = hearersOf(graph, sender);
    if (services.size > 0) heard.set(sender, services);
  }
  const heardBy = (sender: Index): ReadonlySet<string> => heard.get(sender) ?? nobody;

  // A request is for one, and a message may be meant for many.
  const open = new Map<string, Index[]>();
  for (const sender of senders) {
    const { waits, names } = graph.meetingPoint(sender) as MeetingPoint;
    if (waits && heard.has(sender)) continue;
    for (const name of names) {
      const known = open.get(name);
      if (known === undefined) open.set(name, [sender]);
      else known.push(sender);
    }
  }
  for (const list of open.values()) list.sort((a, b) => graph.startOf(b) - graph.startOf(a));

  const clocks = clocksOf(graph, receivers);
  const arrivedAt = (receiver: Index, sender: Index): number =>
    graph.startOf(receiver) - clocks.ahead(graph.span(sender).service, graph.span(receiver).service);
  const claimed = new Set<Index>();
  const fits = (sender: Index, receiver: Index, point: MeetingPoint): boolean => {
    const sent = graph.meetingPoint(sender) as MeetingPoint;
    const arrived = arrivedAt(receiver, sender);
    return (
      graph.startOf(sender) <= arrived + SLACK &&
      (!sent.waits || graph.endOf(sender) + SLACK >= arrived) &&
      !claimed.has(sender) &&
      sender !== receiver &&
      meets(sent, point) &&
      !heardBy(sender).has(graph.span(receiver).service) &&
      !isBelow(graph, sender, receiver)
    );
  };
  return {
    senders,
    receivers,
    heardBy,
    arrivedAt,
    claim: (receiver) => {
      const point = graph.meetingPoint(receiver);
      const { kind } = graph.span(receiver);
      // A span that goes out says where it goes, and not how it was reached.
      if (point === undefined || kind === 'CLIENT' || kind === 'PRODUCER') return undefined;
      for (const name of point.names) {
        const found = open.get(name)?.find((sender) => fits(sender, receiver, point));
        if (found === undefined) continue;
        // One span may stand for many messages that were sent at once.
        if (graph.meetingPoint(found)?.waits === true) claimed.add(found);
        return found;
      }
      return undefined;
    },
  };
}

const nobody: ReadonlySet<string> = new Set();

/** The services that received what a span sent: below it, or by a link. */
function hearersOf(graph: SpanGraph, sender: Index): Set<string> {
  const { service } = graph.span(sender);
  const hearing = [...graph.childrenOf(sender), ...graph.linkingTo(sender)].filter(
    (at) => graph.span(at).service !== service || isReceiver(graph, at),
  );
  return new Set(hearing.map((at) => graph.span(at).service));
}

function isBelow(graph: SpanGraph, at: Index, above: Index): boolean {
  for (const up of graph.above(at)) if (up === above) return true;
  return false;
}

/** Whether a span is the inbound end of a hop: what asks a broker for messages is none, and what it hands to handlers is. */
export function isReceiver(graph: SpanGraph, at: Index): boolean {
  const { kind, attributes } = graph.span(at);
  if (kind === 'SERVER') return true;
  if (kind !== 'CONSUMER') return graph.isRemote(at) && graph.span(at).parentSpanId !== undefined;
  const isPoll = text(attributes, 'messaging.operation.type', 'messaging.operation') === 'receive';
  return !isPoll || !graph.childrenOf(at).some((child) => graph.span(child).kind === 'CONSUMER');
}

/** Whether a span stands for something sent that somebody receives; of nested ones for the same call, the innermost. */
function isSender(graph: SpanGraph, at: Index): boolean {
  const { kind, attributes } = graph.span(at);
  const point = graph.meetingPoint(at);
  if (point === undefined || (kind !== 'CLIENT' && kind !== 'PRODUCER')) return false;
  if (kind === 'CLIENT' && !point.waits && (isOfConsumer(attributes) || linksToOwnMessages(graph, at))) return false;
  return !graph.childrenOf(at).some((child) => {
    const inner = graph.meetingPoint(child);
    return (
      graph.span(child).kind === kind &&
      graph.span(child).service === graph.span(at).service &&
      inner !== undefined &&
      meets(point, inner)
    );
  });
}

// Where each message has a span of its own, that is what carries the context.
function linksToOwnMessages(graph: SpanGraph, at: Index): boolean {
  return [...graph.linkedFrom(at), ...graph.childrenOf(at)].some((other) => graph.span(other).kind === 'PRODUCER');
}

/** Whether a span asks a broker for messages, or tells it of them. */
export function isOfConsumer(attributes: Parameters<typeof text>[0]): boolean {
  const operation = text(attributes, 'messaging.operation.type', 'messaging.operation', 'messaging.operation.name');
  return operation === 'receive' || operation === 'settle' || operation === 'poll';
}

/** Whether an arrival stands for several messages at once. */
export function isBatch(graph: SpanGraph, at: Index): boolean {
  return number(graph.span(at).attributes, 'messaging.batch.message_count') !== undefined;
}
