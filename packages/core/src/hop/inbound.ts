import { context as contextApi, INVALID_SPAN_CONTEXT, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { Attributes, Baggage, Context, Link, Span, SpanContext, SpanOptions } from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import { ambientRequest } from './ambient.ts';
import { answerTo } from './answer.ts';
import { addBaggage } from '../policy/baggage-attributes.ts';
import { ATTR_CALLS } from '../conventions.ts';
import { warnOnce } from '../diagnostics.ts';
import { sameSpan } from './hop.ts';
import type { HopOutcome, InboundHop, Outcome, Received } from './hop.ts';
import { layered } from '../context/layer.ts';
import { activeChain, lineageOf, withoutChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import { lineageText, userBaggage, withLineageMember } from '../lineage/member.ts';
import type { LineageRules } from '../lineage/rules.ts';
import { finish } from './outcome.ts';
import { offeredBy } from './offered.ts';
import { peerOf } from '../policy/peer.ts';
import { acceptedBaggage, inboundPolicy } from '../policy/policy.ts';
import { withRemote } from '../w3c/propagator.ts';
import type { Receipt } from '../lineage/state.ts';
import { withReceipt } from '../lineage/state.ts';
import { LineageError, refusalOutcome } from '../lineage/refusal.ts';
import type { LineageReason, Refused } from '../lineage/refusal.ts';
import { defaultSettings, noAttributes } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { addLineage, noteExcess, standingOf } from './standing.ts';
import type { Standing } from './standing.ts';
import { isTrusted } from './trust.ts';

const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/**
 * Opens the inbound end of a hop: reads the fields within the limits, extracts onto an empty base, looks at the ambient
 * context, applies the boundary policy and the limits of the chain, and starts (or joins) the span. Run the work in the
 * `context` it returns, then call `end`; a hop that was `refused` is answered instead. Never throws, whatever the carrier
 * holds.
 */
export function startInbound(hop: InboundHop, settings: HopSettings = defaultSettings()): Received | Refused {
  const active = hop.context ?? contextApi.active();
  if (isTracingSuppressed(active)) {
    return new InboundEnd(hop, settings, active, noSpan, 'suppressed', false, undefined) as Received;
  }
  // 1 and 2: the fields within the limits, onto an empty base.
  let offered = offeredBy(hop.carrier, hop.reader, settings);
  const invalid = offered.invalid;
  // 3: what of the ambient context counts.
  const ambient = ambientRequest(hop, active);
  if (offered.spanContext === undefined && hop.fallback !== undefined && ambient === undefined) {
    // Baggage travels without a trace too: what the carrier itself holds counts, as it does beside an ambient span.
    const { baggage } = offered;
    offered = offeredBy(hop.fallback.carrier, hop.fallback.reader, settings);
    if (baggage !== undefined) offered = { ...offered, baggage };
  }
  // 4: the boundary policy.
  const peer = settings.asksPeer && hop.policy === undefined ? peerOf(hop, settings) : undefined;
  const given = hop.policy ?? inboundPolicy(hop, peer, settings);
  const policy = given === 'continue' && hop.stale === true ? 'restart-with-link' : given;
  const remote = offered.spanContext;
  const held =
    offered.baggage ??
    (hop.http === 'payload' && ambient !== undefined ? propagation.getBaggage(ambient.context) : undefined);
  const user = acceptedBaggage(userBaggage(held), policy, settings);
  // 5: lineage, which may refuse. Age restarts a trace, never a chain.
  const rules = settings.lineage;
  const survives = given === 'continue' || rules?.keepOnRestart === true;
  const standing = rules === undefined ? undefined : standingOf(hop, rules, held, survives, ambient?.context);
  const baggage = withLineageMember(
    user,
    standing === undefined ? (survives ? lineageText(held) : undefined) : standing.member,
  );
  const outcome: HopOutcome = invalid
    ? 'invalid'
    : remote === undefined
      ? policy === 'continue' && ((ambient !== undefined && hop.http === 'payload') || (hop.links?.length ?? 0) > 0)
        ? 'continued'
        : 'started'
      : policy === 'continue'
        ? 'continued'
        : 'restarted';
  if (invalid) {
    warnOnce(
      `invalid:${hop.transport}`,
      `a ${hop.transport} hop offered a \`traceparent\` that is not valid, so its trace starts fresh. Counted as throughline.hops{outcome=invalid}.`,
    );
  }
  const receipt: Receipt = {
    transport: hop.transport,
    request: hop.request,
    peer,
    trusted: undefined,
    calls: 0,
    ended: false,
    chain: standing?.chain,
    offered: standing,
    depth: survives && (remote !== undefined || (hop.links?.length ?? 0) > 0) ? 1 : 0,
    rules,
  };
  const base = layered(ambient === undefined ? ROOT_CONTEXT : withoutChain(ambient.context));

  // 6: join the SERVER span that is open for this very request, …
  if (hop.http === 'request' && ambient !== undefined) {
    if (policy === 'continue') {
      const { span } = ambient;
      if (span.isRecording()) span.setAttributes(attributesOf(hop, user, standing, settings));
      let joined = trace.getSpan(base) === undefined ? trace.setSpan(base, span) : base;
      joined = withBaggage(joined, baggage);
      const end = new InboundEnd(hop, settings, withReceipt(joined, receipt), span, outcome, true, receipt);
      return judged(hop, settings, standing, end);
    }
    warnOnce(
      'not-joined',
      `another instrumentation opened a SERVER span that continues the caller's trace, and the \`inbound\` policy is '${policy}': the trace restarts below it. Turn that instrumentation off, or let it ignore these requests.`,
    );
  }

  // … or open one: with its parent and its links.
  let parent: Context;
  let links = policy === 'restart' ? undefined : hop.links;
  if (policy === 'continue') {
    if (remote !== undefined) {
      parent = withRemote(base, remote);
      if (isTrusted(remote, hop, peer, settings)) receipt.trusted = remote;
      if (hop.linkParent === true) links = linked(links, remote);
      if (ambient !== undefined) links = linked(links, ambient.span.spanContext());
    } else if (ambient !== undefined && hop.http === 'payload') parent = trace.setSpan(base, ambient.span);
    else parent = ambient === undefined ? base : trace.deleteSpan(base);
  } else {
    parent = ambient === undefined ? base : trace.deleteSpan(base);
    const cause = remote ?? (hop.http === 'payload' ? ambient?.span.spanContext() : undefined);
    if (policy === 'restart-with-link' && cause !== undefined) links = linked(links, cause);
  }
  let span: Span;
  let context: Context;
  // Before the span starts: samplers and span processors see the accepted baggage, and no other; and whose the flag is.
  parent = withReceipt(withBaggage(parent, baggage), receipt);
  if (settings.spans && hop.span !== false) {
    const options: SpanOptions = { kind: hop.kind, attributes: attributesOf(hop, user, standing, settings) };
    if (links !== undefined) options.links = links as Link[];
    if (hop.startTime !== undefined) options.startTime = hop.startTime;
    span = settings.tracer.startSpan(hop.name, options, parent);
    context = trace.setSpan(parent, span);
  } else {
    context = parent;
    const held = trace.getSpan(parent);
    span = held === undefined ? noSpan : held.isRecording() ? trace.wrapSpanContext(held.spanContext()) : held;
  }
  const end = new InboundEnd(hop, settings, context, span, outcome, false, receipt);
  if (policy === 'restart-with-link' && remote !== undefined) end.answer = answerTo(hop, peer, context, span, settings);
  return judged(hop, settings, standing, end);
}

function judged(
  hop: InboundHop,
  settings: HopSettings,
  standing: Standing | undefined,
  end: InboundEnd,
): Received | Refused {
  if (standing === undefined || (standing.excess === undefined && !standing.cycle)) return end as Received;
  const rules = settings.lineage as LineageRules;
  const { excess, cycle } = standing;
  const chain = activeChain(end.context) as Chain;
  noteExcess(hop, 'inbound', rules, chain, excess, cycle, end.span);
  if (excess === undefined || !rules.enforce) return end as Received;
  end.refuse(new LineageError(excess, lineageOf(chain)));
  return end as Refused;
}

// A class, not closures: one is made for every message that arrives.
class InboundEnd {
  readonly context: Context;
  readonly span: Span;
  outcome: HopOutcome;
  readonly joined: boolean;
  error: LineageError | undefined = undefined;
  answer: string | undefined;
  readonly #transport: string;
  readonly #owned: boolean;
  readonly #settings: HopSettings;
  readonly #receipt: Receipt | undefined;
  #ended = false;

  constructor(
    hop: InboundHop,
    settings: HopSettings,
    context: Context,
    span: Span,
    outcome: HopOutcome,
    joined: boolean,
    receipt: Receipt | undefined,
  ) {
    this.context = context;
    this.span = span;
    this.outcome = outcome;
    this.joined = joined;
    this.#transport = hop.transport;
    this.#owned = !joined && outcome !== 'suppressed' && settings.spans && hop.span !== false;
    this.#settings = settings;
    this.#receipt = receipt;
  }

  get refused(): LineageReason | undefined {
    return this.error?.reason;
  }

  get message(): string | undefined {
    return this.error?.message;
  }

  refuse(error: LineageError): void {
    this.error = error;
    this.outcome = 'refused';
  }

  // 7: end, and count the outcome.
  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#receipt !== undefined) {
      this.#receipt.ended = true;
      if ((this.#owned || this.joined) && this.span.isRecording())
        this.span.setAttribute(ATTR_CALLS, this.#receipt.calls);
    }
    if (this.#owned || this.joined)
      finish(this.span, outcome ?? refusalOutcome(this.error), this.#owned, this.error === undefined);
    this.#settings.count(this.#transport, 'inbound', this.outcome);
  }
}

function attributesOf(
  hop: InboundHop,
  baggage: Baggage | undefined,
  standing: Standing | undefined,
  settings: HopSettings,
): Attributes {
  const place = standing !== undefined && (standing.fields.hops > 1 || standing.fields.attempt > 1 || standing.cycle);
  // The SDK copies them once more: here only where there is something to add.
  if (hop.attributes !== undefined && baggage === undefined && !place && settings.agent === noAttributes) {
    return hop.attributes;
  }
  const attributes: Attributes = { ...hop.attributes, ...settings.agent };
  if (baggage !== undefined) addBaggage(attributes, baggage, settings);
  if (standing !== undefined) addLineage(attributes, standing.fields, standing.fields.hops, standing.cycle);
  return attributes;
}

function withBaggage(context: Context, baggage: Baggage | undefined): Context {
  if (baggage !== undefined) return propagation.setBaggage(context, baggage);
  return propagation.getBaggage(context) === undefined ? context : propagation.deleteBaggage(context);
}

const MAX_LINKS = 128;

function linked(links: readonly Link[] | undefined, context: SpanContext): readonly Link[] {
  if (links === undefined || links.length === 0) return [{ context }];
  if (links.length >= MAX_LINKS || links.some((link) => sameSpan(link.context, context))) return links;
  return [...links, { context }];
}
