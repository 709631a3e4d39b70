import { context as contextApi, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Attributes, Baggage, Context, Link, Span, SpanOptions } from '@opentelemetry/api';
import { isTracingSuppressed } from '../context/opentelemetry.ts';
import { layered } from '../context/layer.ts';
import { ATTR_CALLS } from '../conventions.ts';
import { warnOnce, warnOncePer } from '../diagnostics.ts';
import type { Agent } from '../lineage/agent.ts';
import { lineageOf } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import type { Deadline } from '../lineage/deadline.ts';
import { LineageError, refusalOutcome } from '../lineage/refusal.ts';
import type { LineageReason, Refused } from '../lineage/refusal.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { closedReceipt, receiptOf, withReceipt } from '../lineage/state.ts';
import type { Receipt } from '../lineage/state.ts';
import type { HopOutcome, Peer } from '../parties.ts';
import { addBaggage } from '../policy/baggage-attributes.ts';
import { acceptedBaggage, inboundPolicy } from '../policy/policy.ts';
import { defaultSettings } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { printableAttributes } from '../printable.ts';
import { telemetryFailed } from '../telemetry/guard.ts';
import type { Outcome } from '../telemetry/outcome.ts';
import { describeSpan, endSpan, noSpan, startSpan } from '../telemetry/span.ts';
import { withRemote } from '../w3c/trace-context.ts';
import { ambientRequest } from './ambient.ts';
import { answerTo } from './answer.ts';
import type { InboundHop, Received } from './hop.ts';
import { restartAround, withinRequest } from './inside-request.ts';
import { linked } from './links.ts';
import { offeredTo } from './offered.ts';
import type { Offered } from './offered.ts';
import { peerOf } from './peer.ts';
import { addLineage, noteExcess, positionOf } from './position.ts';
import type { Position } from './position.ts';
import { isTrusted } from './trust.ts';

/**
 * Opens the inbound end of a hop: reads the fields within the limits, extracts onto an empty base, looks at the ambient
 * context, applies the boundary policy and the limits of the chain, and starts (or joins) the span. Run the work in the
 * `context` it returns, then call `end`; a hop that was `refused` is answered instead. Never throws, whatever the carrier
 * holds and whatever the application's telemetry does.
 */
export function startInbound(hop: InboundHop, settings: HopSettings = defaultSettings()): Received | Refused {
  const active = hop.context ?? contextApi.active();
  if (isTracingSuppressed(active)) {
    return new InboundEnd(hop, settings, active, noSpan, 'suppressed', undefined) as Received;
  }
  try {
    return open(hop, settings, active);
  } catch (thrown) {
    // Nothing is known of what was offered: none of it is let in.
    telemetryFailed('span', thrown);
    const receipt = closedReceipt(hop.transport, hop.request, settings.lineage, settings.agent);
    return new InboundEnd(hop, settings, withReceipt(ROOT_CONTEXT, receipt), noSpan, 'started', receipt) as Received;
  }
}

function open(hop: InboundHop, settings: HopSettings, active: Context): Received | Refused {
  // 1 and 2: the fields within the limits, onto an empty base. 3: what of the ambient context counts.
  const ambient = ambientRequest(hop, active);
  const edge = restartAround(hop, active, settings);
  const brought = offeredTo(hop, ambient, settings);
  const offered = edge === undefined ? brought : withinRequest(brought, active, settings);
  const remote = offered.spanContext;
  // 4: the boundary policy. Age restarts a trace, never a chain.
  const peer = settings.asksPeer && hop.policy === undefined ? peerOf(hop, settings) : undefined;
  const given = hop.policy ?? inboundPolicy(peer, settings);
  const policy = given === 'continue' && hop.stale === true ? 'restart-with-link' : given;
  const baggage = acceptedBaggage(offered.user, policy, settings);
  // 5: lineage, which may refuse.
  const rules = settings.lineage;
  const agent = settings.agent ?? (ambient === undefined ? undefined : receiptOf(ambient.context)?.agent);
  const survives = given === 'continue' || rules?.keepOnRestart === true;
  const position =
    rules === undefined ? undefined : positionOf(hop, rules, offered.lineage, survives, ambient?.context, agent);
  const isCaused = remote !== undefined || (hop.links?.length ?? 0) > 0;
  const receipt: Receipt = {
    transport: hop.transport,
    request: hop.request,
    peer,
    offered: brought.spanContext,
    policy: edge ?? hop.strictest ?? given,
    lineage: survives ? offered.lineage : undefined,
    chain: position?.chain,
    rules,
    agent,
    depth: survives && isCaused ? 1 : 0,
    trusted: undefined,
    calls: 0,
    ended: false,
  };
  const continues = policy === 'continue' && (edge === undefined || brought.spanContext === undefined);
  const outcome = outcomeOf(hop, brought, continues, ambient !== undefined);
  const base = layered(ambient === undefined ? ROOT_CONTEXT : ambient.context);

  // 6: join the SERVER span that is open for this very request, …
  if (hop.http === 'request' && ambient !== undefined) {
    if (policy === 'continue') {
      const { span } = ambient;
      describeSpan(span, (joined) =>
        joined.setAttributes(printableAttributes(attributesOf(hop, baggage, position, agent, settings))),
      );
      const joined = trace.getSpan(base) === undefined ? trace.setSpan(base, span) : base;
      const context = withReceipt(withBaggage(joined, baggage), receipt);
      const end = new InboundEnd(hop, settings, context, span, outcome, receipt);
      end.joined = true;
      return withinLimits(hop, settings, position, end);
    }
    warnOnce(
      'not-joined',
      `another instrumentation opened a SERVER span that continues the caller's trace, and the \`inbound\` policy is '${policy}': the trace restarts below it. Turn that instrumentation off, or let it ignore these requests.`,
    );
  }

  // … or open one: with its parent and its links.
  let parent = ambient === undefined ? base : trace.deleteSpan(base);
  let links = policy === 'restart' ? undefined : hop.links;
  if (policy === 'continue') {
    if (remote !== undefined) {
      parent = withRemote(base, remote);
      if (isTrusted(remote, hop, peer, settings)) receipt.trusted = remote;
      if (hop.linkParent === true) links = linked(links, remote);
      if (ambient !== undefined) links = linked(links, ambient.span.spanContext());
    } else if (ambient !== undefined && hop.http === 'payload') parent = trace.setSpan(base, ambient.span);
    if (edge === 'restart-with-link' && brought.spanContext !== undefined) links = linked(links, brought.spanContext);
  } else if (policy === 'restart-with-link') {
    const cause = remote ?? (hop.http === 'payload' ? ambient?.span.spanContext() : undefined);
    if (cause !== undefined) links = linked(links, cause);
  }
  // Before the span starts: samplers and span processors see the accepted baggage, and no other; and whose the flag is.
  parent = withReceipt(withBaggage(parent, baggage), receipt);
  const attributes =
    settings.spans && hop.span !== false ? attributesOf(hop, baggage, position, agent, settings) : undefined;
  const end = spanOf(hop, settings, parent, links, attributes, outcome, receipt);
  if (policy === 'restart-with-link' && remote !== undefined) answer(end, hop, peer, settings);
  return withinLimits(hop, settings, position, end);
}

function outcomeOf(hop: InboundHop, offered: Offered, continues: boolean, isAmbient: boolean): HopOutcome {
  const { transport } = hop;
  const isPart = isAmbient && hop.http === 'payload';
  const isLost = offered.invalid && offered.spanContext === undefined && !(continues && isPart);
  if (isLost) {
    warnOncePer(
      'traceparent-invalid',
      transport,
      `a ${transport} hop offered a \`traceparent\` that is not valid, so its trace starts fresh. Counted as throughline.hops{outcome=invalid}.`,
    );
    return 'invalid';
  }
  if (offered.invalid) {
    warnOncePer(
      'traceparent-invalid-payload',
      transport,
      `a ${transport} hop offered a \`traceparent\` that is not valid; the trace of the HTTP request that brought it counts instead.`,
    );
  }
  if (offered.spanContext !== undefined) return continues ? 'continued' : 'restarted';
  return continues && (isPart || (hop.links?.length ?? 0) > 0) ? 'continued' : 'started';
}

function spanOf(
  hop: InboundHop,
  settings: HopSettings,
  parent: Context,
  links: readonly Link[] | undefined,
  attributes: Attributes | undefined,
  outcome: HopOutcome,
  receipt: Receipt,
): InboundEnd {
  if (attributes !== undefined) {
    const options: SpanOptions = { kind: hop.kind, attributes };
    if (links !== undefined) options.links = links as Link[];
    if (hop.startTime !== undefined) options.startTime = hop.startTime;
    const started = startSpan(settings.tracer, hop.name, options, parent);
    if (started !== undefined) {
      const { span } = started;
      const end = new InboundEnd(hop, settings, trace.setSpan(parent, span), span, outcome, receipt);
      end.owned = true;
      return end;
    }
  }
  const held = trace.getSpan(parent);
  const span = held === undefined ? noSpan : held.isRecording() ? trace.wrapSpanContext(held.spanContext()) : held;
  return new InboundEnd(hop, settings, parent, span, outcome, receipt);
}

function answer(end: InboundEnd, hop: InboundHop, peer: Peer | undefined, settings: HopSettings): void {
  end.answer = answerTo(hop, peer, end.context, end.span, settings);
}

function withinLimits(
  hop: InboundHop,
  settings: HopSettings,
  position: Position | undefined,
  end: InboundEnd,
): Received | Refused {
  if (position === undefined || (position.excess === undefined && !position.cycle)) return end as Received;
  const rules = settings.lineage as LineageRules;
  const { chain, excess, cycle } = position;
  noteExcess(hop, 'inbound', rules, chain, excess, cycle, end.span);
  if (excess === undefined || !rules.enforce) return end as Received;
  return end.refuse(excess, chain);
}

// A class, not closures: one is made for every message that arrives.
class InboundEnd {
  readonly context: Context;
  readonly span: Span;
  outcome: HopOutcome;
  joined = false;
  owned = false;
  error: LineageError | undefined = undefined;
  answer: string | undefined = undefined;
  readonly #transport: string;
  readonly #settings: HopSettings;
  readonly #receipt: Receipt | undefined;
  readonly #expiry: Deadline | undefined;
  #ended = false;

  constructor(
    hop: InboundHop,
    settings: HopSettings,
    context: Context,
    span: Span,
    outcome: HopOutcome,
    receipt: Receipt | undefined,
  ) {
    this.context = context;
    this.span = span;
    this.outcome = outcome;
    this.#transport = hop.transport;
    this.#settings = settings;
    this.#receipt = receipt;
    this.#expiry = receipt?.chain?.expiry;
    this.#expiry?.hold();
  }

  get refused(): LineageReason | undefined {
    return this.error?.reason;
  }

  get message(): string | undefined {
    return this.error?.message;
  }

  refuse(reason: LineageReason, chain: Chain): Refused {
    this.error = new LineageError(reason, lineageOf(chain));
    this.outcome = 'refused';
    return this as Refused;
  }

  describe(tell: (span: Span) => void): void {
    if (this.owned || this.joined) describeSpan(this.span, tell);
  }

  // 7: end, and count the outcome.
  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    const receipt = this.#receipt;
    if (receipt !== undefined) {
      receipt.ended = true;
      // The context may live on, in whatever was begun in it: the request must not.
      receipt.request = undefined;
      this.#expiry?.release();
      if (this.owned || this.joined) describeSpan(this.span, tellCalls, receipt);
    }
    if (this.owned || this.joined)
      endSpan(
        this.span,
        outcome ?? refusalOutcome(this.error),
        this.owned,
        this.error === undefined ? 'exception' : 'text',
      );
    this.#settings.count(this.#transport, 'inbound', this.outcome);
  }
}

function attributesOf(
  hop: InboundHop,
  baggage: Baggage | undefined,
  position: Position | undefined,
  agent: Agent | undefined,
  settings: HopSettings,
): Attributes {
  const { chain, cycle = false } = position ?? {};
  const isDeeper = chain !== undefined && (chain.hops > 1 || chain.attempt > 1 || cycle);
  // The SDK copies them once more: here only where there is something to add.
  if (hop.attributes !== undefined && baggage === undefined && !isDeeper && agent === undefined) {
    return hop.attributes;
  }
  const attributes: Attributes = { ...hop.attributes, ...agent?.attributes };
  if (baggage !== undefined) addBaggage(attributes, baggage, settings);
  if (chain !== undefined) addLineage(attributes, chain, chain.hops, cycle);
  return attributes;
}

function tellCalls(span: Span, { calls }: Receipt): void {
  span.setAttribute(ATTR_CALLS, calls);
}

function withBaggage(context: Context, baggage: Baggage | undefined): Context {
  if (baggage !== undefined) return propagation.setBaggage(context, baggage);
  return propagation.getBaggage(context) === undefined ? context : propagation.deleteBaggage(context);
}
