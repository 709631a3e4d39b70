import { isBatch, isOfConsumer, isReceiver, SLACK } from './ends.ts';
import type { Ends } from './ends.ts';
import type { CollectedSpan } from '../span.ts';
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
}

/** Returns every arrival of a capture. A sender that nobody was seen to hear belongs to the one arrival that fits it. */
export function arrivalsOf(capture: Capture): Arrival[] {
  const { ends } = capture;
  return ends.receivers.map((receiver) => arrivalOf(receiver, capture));
}

function arrivalOf(receiver: Index, capture: Capture): Arrival {
  const { graph, ends } = capture;
  const span = graph.span(receiver);
  const known = (joined: Joined, sender?: Index): Arrival => ({ receiver, joined, sender });
  const above = graph.parentOf(receiver);
  if (above !== NONE && !isLoose(graph, above, receiver)) {
    if (!isOver(capture, above, receiver)) return known('joined');
    const sender = ends.claim(receiver);
    return sender === undefined ? known('joined') : known('wrong', sender);
  }
  if (graph.linkedFrom(receiver).length > 0) return known('joined');
  if (above === NONE && span.parentSpanId !== undefined) {
    if (span.parentIsRemote === false) return known('orphan');
    const sender = ends.claim(receiver);
    return sender !== undefined || !isOutside(receiver, capture) ? known('phantom', sender) : known('joined');
  }
  const sender = ends.claim(receiver);
  if (span.links.length > 0) {
    return sender !== undefined || capture.silent.length > 0 ? known('link-lost', sender) : known('joined');
  }
  if (sender === undefined) return known('joined');
  return known(isBatch(graph, receiver) ? 'unlinked' : 'lost', sender);
}

/**
 * Whether the parent of an arrival says nothing of who sent it: a span of its own process that nobody sent for, such as the one that
 * polls a broker, or one that was active when a server began to listen.
 */
function isLoose(graph: SpanGraph, above: Index, receiver: Index): boolean {
  const { service } = graph.span(receiver);
  let top = above;
  for (const up of [above, ...graph.above(above)]) {
    const span = graph.span(up);
    if (span.service !== service || isReceiver(graph, up) || isSending(span)) return false;
    top = up;
  }
  return graph.span(top).parentSpanId === undefined;
}

function isSending({ kind, attributes }: CollectedSpan): boolean {
  return (kind === 'CLIENT' || kind === 'PRODUCER') && !isOfConsumer(attributes);
}

/** Whether a span was over when an arrival that hangs from it began, and should not have been: who sends a message does not wait. */
function isOver({ graph, ends }: Capture, above: Index, receiver: Index): boolean {
  if (graph.meetingPoint(receiver)?.waits !== true || graph.span(above).kind === 'PRODUCER') return false;
  return graph.endOf(above) + SLACK < ends.arrivedAt(receiver, above);
}

/**
 * Whether the parent that an arrival names is plainly outside of the capture: the trace did not begin in here, and all services are
 * there that should be.
 */
function isOutside(receiver: Index, { graph, silent }: Capture): boolean {
  if (silent.length > 0) return false;
  const trace = graph.traces.get(graph.span(receiver).traceId) ?? [];
  return !trace.some((at) => graph.span(at).parentSpanId === undefined);
}
