import type { KnownAttributes } from './known-attributes.ts';
import type { SpanDraft } from './span-draft.ts';

/** What is true of a span: bits of one column. */
export const Fact = {
  hasParent: 1,
  /** It says whether its parent is in another process. */
  saysRemote: 2,
  parentIsRemote: 4,
  failed: 8,
  /** Whoever was called answered, and had done what was asked. */
  cameOutWell: 16,
  /** It asks a broker for messages, or tells it of them. */
  consumes: 32,
  /** It asks a broker for messages. */
  polls: 64,
  /** It stands for several messages at once. */
  batch: 128,
  /** The lineage of Throughline names an agent twice. */
  cycle: 256,
  /** The inbound end of a hop of Throughline, or joined by one: those carry a receipt. */
  inboundHop: 512,
  /** It can be the outbound end of a hop of Throughline. */
  outboundHop: 1024,
  /** It links to something, in the capture or not. */
  links: 2048,
  /** It serves a request over HTTP, and is no SERVER span: its tracer took it for work of another. */
  serves: 4096,
  /** All that it links to was not sampled. */
  linksUnsampled: 8192,
} as const;

/** Returns what is true of a span, as bits. */
export function factsOf(draft: SpanDraft): number {
  const { attributes, hasParent, parentIsRemote } = draft;
  let facts = 0;
  const say = (fact: number, isTrue: boolean): void => {
    if (isTrue) facts |= fact;
  };
  say(Fact.hasParent, hasParent);
  say(Fact.saysRemote, parentIsRemote !== undefined);
  say(Fact.parentIsRemote, parentIsRemote === true);
  if (attributes.isEmpty) {
    say(Fact.failed, draft.failed);
    say(Fact.cameOutWell, !draft.failed);
    say(Fact.outboundHop, draft.kind === 'CLIENT' || draft.kind === 'PRODUCER');
    return facts;
  }
  const failed = draft.failed || attributes.has('error.type');
  const status = Number(attributes.get('http.response.status_code') ?? attributes.get('http.status_code') ?? 200);
  const operation = attributes.text('messaging.operation.type', 'messaging.operation');
  const consumes = operation ?? attributes.text('messaging.operation.name');
  say(Fact.failed, failed);
  say(Fact.cameOutWell, !failed && status < 400 && status !== 304);
  say(Fact.consumes, consumes === 'receive' || consumes === 'settle' || consumes === 'poll');
  say(Fact.polls, operation === 'receive');
  say(Fact.batch, attributes.number('messaging.batch.message_count') !== undefined);
  say(Fact.cycle, isTrue(attributes.get('throughline.lineage.cycle')));
  say(Fact.serves, draft.kind === 'INTERNAL' && isServing(attributes));
  say(Fact.inboundHop, attributes.get('throughline.direction') === 'inbound' || attributes.has('throughline.calls'));
  say(Fact.outboundHop, isOutbound(draft, attributes));
  return facts;
}

/** Frameworks have spans for parts of a route, which say the route and not the method. */
function isServing(attributes: KnownAttributes): boolean {
  const isOfHttp = attributes.has('http.request.method') || attributes.has('http.method');
  return isOfHttp && (attributes.has('http.target') || attributes.has('http.route'));
}

/** By what the span says of itself. Its scope tells nothing: an adapter that a user writes has one of its own. */
function isOutbound({ kind }: SpanDraft, attributes: KnownAttributes): boolean {
  if (kind !== 'CLIENT' && kind !== 'PRODUCER') return false;
  const direction = attributes.get('throughline.direction');
  if (direction !== undefined) return direction === 'outbound';
  const isOfDatabase = attributes.has('db.system.name') || attributes.has('db.system');
  // A call of an MCP tool has an operation of GenAI too, and is a hop.
  const isOfModel = attributes.has('gen_ai.operation.name') && !attributes.has('mcp.method.name');
  return !isOfDatabase && !isOfModel;
}

// Zipkin has no values but text.
function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}
