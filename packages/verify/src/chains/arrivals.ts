import { SLACK } from './clocks.ts';
import { Fact } from './columns/facts.ts';
import { isReceiver } from './ends.ts';
import type { Ends } from './ends.ts';
import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';

/** How an arrival hangs together with who sent it. */
export type Joined =
  /** By parent or link, or there is nobody in the capture to be joined to. */
  | 'joined'
  /** A root where somebody in the capture sent. */
  | 'lost'
  /** The same, and it stands for several messages. */
  | 'unlinked'
  /** It names a parent that nobody exported. */
  | 'phantom'
  /** It links to what nobody exported. */
  | 'link-lost'
  /** It is joined to something that was over, where somebody else sent. */
  | 'wrong'
  /** Its own process dropped its parent. */
  | 'orphan';

/** An inbound end of a hop, and what became of the context that it should have. */
export interface Arrival {
  readonly receiver: Index;
  readonly joined: Joined;
  /** Who sent, where that can be told. */
  readonly sender: Index | undefined;
}

/** What is judged, and what is known of the capture. */
export interface Capture {
  readonly graph: SpanGraph;
  readonly ends: Ends;
  /** Services that the capture should hold and does not. */
  readonly silent: readonly string[];
  /** Whether what a span hangs from has had the time to come. */
  isSettled(at: Index): boolean;
}

/** Returns every arrival of a capture. A sender that nobody was seen to hear belongs to the one arrival that fits it. */
export function arrivalsOf(capture: Capture): Arrival[] {
  const { graph, ends } = capture;
  const isLoose = looseIn(graph);
  const arrivals = ends.receivers.map((receiver) => arrivalOf(receiver, capture, isLoose));
  const told = new Map<string, number>();
  return arrivals.map((arrival) => {
    const sender = arrival.joined === 'joined' ? ofAnotherMessage(arrival.receiver, capture, told) : undefined;
    return sender === undefined ? arrival : { ...arrival, joined: 'wrong', sender };
  });
}

/**
 * Returns who sent a message that arrived below the span of another: one that was sent beside it and that nobody heard. `told` is which
 * message each span has sent to a service.
 */
function ofAnotherMessage(receiver: Index, { graph, ends }: Capture, told: Map<string, number>): Index | undefined {
  const above = graph.parentOf(receiver);
  const message = graph.callOf(receiver);
  if (above === NONE || message === undefined || graph.kindOf(receiver) !== 'CONSUMER') return undefined;
  // One span may stand for many messages.
  if (graph.kindOf(above) !== 'PRODUCER' || graph.is(above, Fact.batch)) return undefined;
  const key = `${above} ${graph.serviceNumber(receiver)}`;
  const first = told.get(key);
  if (first === undefined) told.set(key, message);
  if (first === undefined || first === message) return undefined;
  const sender = ends.claim(receiver);
  return sender !== undefined && graph.parentOf(sender) === graph.parentOf(above) ? sender : undefined;
}

function arrivalOf(receiver: Index, capture: Capture, isLoose: (at: Index) => boolean): Arrival {
  const { graph, ends } = capture;
  const known = (joined: Joined, sender?: Index): Arrival => ({ receiver, joined, sender });
  const above = graph.parentOf(receiver);
  if (above !== NONE && !(isOfOneProcess(graph, above, receiver) && isLoose(above))) {
    if (!isOver(capture, above, receiver)) return known('joined');
    const sender = ends.claim(receiver);
    return sender === undefined ? known('joined') : known('wrong', sender);
  }
  const isTorn = above === NONE && graph.hasParent(receiver);
  const isLocal = graph.is(receiver, Fact.saysRemote) && !graph.isRemote(receiver);
  if (isTorn && isLocal) return known(capture.isSettled(receiver) ? 'orphan' : 'joined');
  // A link to another span of its own process says what carried it, and not who sent it.
  const isSender = (at: Index): boolean => !isOfOneProcess(graph, at, receiver) || isSending(graph, at);
  const linked = graph.linkedFrom(receiver).find(isSender);
  if (isTorn) {
    if (!capture.isSettled(receiver)) return known('joined');
    const sender = linked ?? ends.claim(receiver);
    const isKnown = linked === undefined && sender !== undefined;
    return isKnown || !isOutside(receiver, capture) ? known('phantom', sender) : known('joined');
  }
  if (linked !== undefined) return known('joined');
  if (graph.is(receiver, Fact.linksUnsampled)) return known('joined');
  const sender = ends.claim(receiver) ?? claimInside(receiver, capture);
  if (graph.is(receiver, Fact.links)) {
    if (!capture.isSettled(receiver)) return known('joined');
    return sender !== undefined || capture.silent.length > 0 ? known('link-lost', sender) : known('joined');
  }
  if (sender === undefined) return known('joined');
  return known(graph.is(receiver, Fact.batch) ? 'unlinked' : 'lost', sender);
}

/** The same by an end of a hop inside of it: a request over HTTP that carries a call of another protocol has two, one in the other. */
function claimInside(receiver: Index, { graph, ends }: Capture): Index | undefined {
  for (const child of graph.childrenOf(receiver)) {
    if (!isOfOneProcess(graph, child, receiver) || !isReceiver(graph, child) || graph.is(child, Fact.links)) continue;
    const sender = ends.claim(child);
    if (sender !== undefined) return sender;
  }
  return undefined;
}

function isOfOneProcess(graph: SpanGraph, a: Index, b: Index): boolean {
  return graph.serviceNumber(a) === graph.serviceNumber(b);
}

/**
 * Returns which spans, as the parent of an arrival, say nothing of who sent it: those of its own process that nobody sent for, such as
 * the one that polls a broker, or one that was active when a server began to listen.
 */
function looseIn(graph: SpanGraph): (at: Index) => boolean {
  const loose = new Uint8Array(graph.size);
  for (const at of graph.forest.topDown) {
    if (isReceiver(graph, at) || isSending(graph, at)) continue;
    const above = graph.parentOf(at);
    const isLoose = above === NONE ? !graph.hasParent(at) : isOfOneProcess(graph, above, at) && loose[above] === 1;
    if (isLoose) loose[at] = 1;
  }
  return (at) => loose[at] === 1;
}

function isSending(graph: SpanGraph, at: Index): boolean {
  const kind = graph.kindOf(at);
  return (kind === 'CLIENT' || kind === 'PRODUCER') && !graph.is(at, Fact.consumes);
}

/** Whether a span was over when an arrival that hangs from it began, and should not have been: who sends a message does not wait. */
function isOver({ graph, ends }: Capture, above: Index, receiver: Index): boolean {
  if (graph.meetingPoint(receiver)?.waits !== true || graph.kindOf(above) === 'PRODUCER') return false;
  if (!graph.saysEnd(above)) return false;
  return graph.endOf(above) + SLACK < ends.arrivedAt(receiver, above);
}

/**
 * Whether the parent that an arrival names is plainly outside of the capture: the trace did not begin in here, and all services are
 * there that should be.
 */
function isOutside(receiver: Index, { graph, silent }: Capture): boolean {
  if (silent.length > 0) return false;
  return !graph.beganHere(receiver);
}
