import {
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  INVALID_SPANID,
  isSpanContextValid,
  propagation,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Baggage, Context, Link, Span, SpanContext, SpanOptions } from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing } from '@opentelemetry/core';
import { linkAnswer } from './answer.ts';
import { baggageSize, formatBaggage, parseBaggage } from '../w3c/baggage.ts';
import { addBaggage } from '../policy/baggage-attributes.ts';
import { readFields } from '../carrier/read.ts';
import { ATTR_BAGGAGE_WITHHELD } from '../conventions.ts';
import type { FieldsMode, HopOutcome, OutboundHop, Outcome, Sending, Target } from './hop.ts';
import { layered } from '../context/layer.ts';
import { chainIn, deadlineSignal, lineageOf, rootChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import { lineageText, userBaggage, withLineageMember } from '../lineage/member.ts';
import { departed } from '../lineage/rules.ts';
import { finish } from './outcome.ts';
import { outboundPolicy, sentBaggage } from '../policy/policy.ts';
import { foreignInject } from '../carrier/propagation.ts';
import { flagged, w3cFieldValues, withRemote } from '../w3c/propagator.ts';
import { receiptOf } from '../lineage/state.ts';
import { LineageError, refusalOutcome } from '../lineage/refusal.ts';
import type { LineageReason, Refused } from '../lineage/refusal.ts';
import { defaultSettings, noAttributes } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { addLineage, noteExcess } from './standing.ts';
import { parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';

const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
const noFields: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Opens the outbound end of a hop: reads the active context at the call, starts the span, applies the policy for the
 * target, and gives the fields to write, or refuses. Write them into a copy of the carrier, run the library's own function in `inner`,
 * then call `end`. Never throws.
 */
export function startOutbound(hop: OutboundHop, settings: HopSettings = defaultSettings()): Sending | Refused {
  const active = hop.context ?? contextApi.active();
  if (isTracingSuppressed(active)) {
    const held = propagation.getBaggage(active);
    return new OutboundEnd(
      hop,
      settings,
      active,
      noSpan,
      undefined,
      held,
      'suppressed',
      'keep',
      true,
      false,
    ) as Sending;
  }
  const current = trace.getSpan(active);
  const hasActive = current !== undefined && isSpanContextValid(current.spanContext());
  const relay = hasActive || hop.carrier === undefined ? undefined : relayed(hop, active, settings);
  const relays = relay !== undefined;
  const parent = relay ?? active;

  const policy = outboundPolicy(hop.target, settings);
  const all = propagation.getBaggage(parent);
  const held = userBaggage(all);
  const rules = settings.lineage;
  let chain = rules === undefined ? undefined : chainIn(parent, all);
  const sent = held === undefined || policy === 'suppress' ? held : sentBaggage(held, hop.target, settings);
  const withheld = sent === held ? 0 : baggageSize(held) - baggageSize(sent);

  const owned = settings.spans && hop.span !== false;
  let span: Span;
  if (owned) {
    // Counted where a span is opened, sampled or not: what was made can then be compared with what was exported.
    const receipt = receiptOf(active);
    if (receipt !== undefined) receipt.calls++;
    let { attributes } = hop;
    // The SDK copies them once more: here only where there is something to add.
    if (held !== undefined || withheld > 0 || (chain?.attempt ?? 1) > 1 || settings.agent !== noAttributes) {
      const more: Attributes = { ...attributes, ...settings.agent };
      if (held !== undefined) addBaggage(more, held, settings);
      if (withheld > 0) more[ATTR_BAGGAGE_WITHHELD] = withheld;
      if (chain !== undefined) addLineage(more, chain, 0, false);
      attributes = more;
    }
    const options: SpanOptions = { kind: hop.kind };
    if (attributes !== undefined) options.attributes = attributes;
    if (hop.links !== undefined && hop.links.length > 0) options.links = hop.links as Link[];
    if (hop.startTime !== undefined) options.startTime = hop.startTime;
    span = settings.tracer.startSpan(hop.name, options, parent);
  } else span = (relays ? trace.getSpan(parent) : current) ?? noSpan;
  const continued = hasActive || relays;
  // What a tracer makes is valid, or all zeros where nothing is traced.
  const spanContext = span.spanContext();
  const valid = owned ? spanContext.spanId !== INVALID_SPANID : continued;
  let member = rules === undefined ? lineageText(all) : undefined;
  if (rules !== undefined) {
    // Where there is nothing to trace, no chain begins. Where the hop is the root of its trace, its `traceparent` says already
    // what lineage would say: one hop. Propagation alone begins neither a trace nor, unless it is told to, a chain.
    if (chain === undefined && valid && (!rules.implied || (continued && settings.spans))) {
      if (rules.first === undefined) chain = rootChain(rules.maxHops, rules.budget);
      // The first hop of a chain is past no limit.
      else member = rules.first;
    }
    if (chain !== undefined) {
      const { excess, text } = departed(rules, chain, hop);
      if (excess !== undefined) {
        noteExcess(hop, 'outbound', rules, chain, excess, false, span);
        if (rules.enforce) {
          const end = new OutboundEnd(hop, settings, parent, span, undefined, all, 'refused', 'keep', true, owned);
          end.error = new LineageError(excess, lineageOf(chain));
          return end as Refused;
        }
      }
      member = text;
    }
  }
  const out = withLineageMember(sent, member);

  if (policy === 'suppress') {
    const end = new OutboundEnd(hop, settings, parent, span, undefined, undefined, 'suppressed', 'strip', false, owned);
    return end as Sending;
  }
  // A trace that starts here arrived with no flag.
  const sends = continued ? flagged(parent, spanContext) : spanContext;
  const keepsValid = !continued || settings.options.existing === 'keep';
  const outcome: HopOutcome = continued ? 'continued' : 'started';
  const mode = valid ? 'write' : 'keep';
  const end = new OutboundEnd(hop, settings, parent, span, sends, out, outcome, mode, keepsValid, owned);
  end.withheld = withheld;
  if (chain?.deadline !== undefined && (chain.ownDeadline || rules?.enforce === true)) end.bounded = chain;
  return end as Sending;
}

// With no span active, a valid context that the caller put into the carrier is the parent: a relay stays in the chain.
function relayed(hop: OutboundHop, active: Context, settings: HopSettings): Context | undefined {
  if (hop.reader === undefined) return undefined;
  const fields = readFields(hop.carrier, hop.reader, settings.limits);
  const carried = fields.traceparent === undefined ? undefined : parseTraceparent(fields.traceparent);
  if (carried === undefined) return undefined;
  const traceState = parseTracestate(fields.tracestate, settings.limits);
  if (traceState !== undefined) carried.traceState = traceState;
  const context = withRemote(layered(active), carried);
  const held = propagation.getBaggage(active);
  const found = parseBaggage(fields.baggage, settings.limits);
  // Baggage of the caller's own context goes first. The chain is the carrier's either way.
  const baggage = held === undefined ? found : withLineageMember(userBaggage(held), lineageText(found));
  return baggage === undefined ? context : propagation.setBaggage(context, baggage);
}

function withOnly(context: Context, baggage: Baggage | undefined): Context {
  if (propagation.getBaggage(context) === baggage) return context;
  return baggage === undefined ? propagation.deleteBaggage(context) : propagation.setBaggage(layered(context), baggage);
}

function fieldsOf(end: OutboundEnd, spanContext: SpanContext, settings: HopSettings): Record<string, string> {
  const { baggage } = end;
  const choice = settings.propagator();
  if (choice.kind === 'foreign') {
    const fields = foreignInject(choice.propagator, end.wire, settings.limits);
    return fields['baggage'] === undefined ? withLineageAlone(fields, baggage, settings) : fields;
  }
  const fields = w3cFieldValues(spanContext, baggage, settings.limits);
  if (!choice.trace) delete fields['traceparent'];
  if (!choice.state) delete fields['tracestate'];
  if (!choice.baggage) {
    delete fields['baggage'];
    withLineageAlone(fields, baggage, settings);
  }
  return fields;
}

// Lineage travels in `baggage` also where the propagator carries none.
function withLineageAlone(
  fields: Record<string, string>,
  baggage: Baggage | undefined,
  settings: HopSettings,
): Record<string, string> {
  const member = formatBaggage(withLineageMember(undefined, lineageText(baggage)), settings.limits);
  if (member !== undefined) fields['baggage'] = member;
  return fields;
}

function bytesOf(fields: Readonly<Record<string, string>>): Record<string, Uint8Array> {
  const bytes: Record<string, Uint8Array> = {};
  for (const name of Object.keys(fields)) bytes[name] = Buffer.from(fields[name] as string);
  return bytes;
}

// A class, not closures: one is made for every call that leaves. What not every carrier needs is made when somebody asks.
class OutboundEnd {
  readonly span: Span;
  readonly outcome: HopOutcome;
  readonly mode: FieldsMode;
  readonly keepsValid: boolean;
  /** What goes. */
  readonly baggage: Baggage | undefined;
  readonly #transport: string;
  readonly #target: Target;
  error: LineageError | undefined = undefined;
  /** The chain whose deadline applies here. */
  bounded: Chain | undefined = undefined;
  readonly #owned: boolean;
  readonly #settings: HopSettings;
  /** How many members of baggage stay here. */
  withheld = 0;
  readonly #parent: Context;
  /** What the fields say; `undefined` where there are none to write. */
  readonly #sends: SpanContext | undefined;
  #context: Context | undefined;
  #wire: Context | undefined;
  #inner: Context | undefined;
  #fields: Readonly<Record<string, string>> | undefined;
  #bytes: Readonly<Record<string, Uint8Array>> | undefined;
  #ended = false;

  constructor(
    hop: OutboundHop,
    settings: HopSettings,
    parent: Context,
    span: Span,
    sends: SpanContext | undefined,
    baggage: Baggage | undefined,
    outcome: HopOutcome,
    mode: FieldsMode,
    keepsValid: boolean,
    owned: boolean,
  ) {
    this.#parent = parent;
    this.span = span;
    this.#sends = sends;
    this.baggage = baggage;
    this.outcome = outcome;
    this.mode = mode;
    this.keepsValid = keepsValid;
    this.#transport = hop.transport;
    this.#target = hop.target;
    this.#owned = owned;
    this.#settings = settings;
  }

  get refused(): LineageReason | undefined {
    return this.error?.reason;
  }

  get message(): string | undefined {
    return this.error?.message;
  }

  get signal(): AbortSignal | undefined {
    return this.bounded === undefined ? undefined : deadlineSignal(this.bounded);
  }

  get context(): Context {
    return (this.#context ??= this.#owned ? trace.setSpan(layered(this.#parent), this.span) : this.#parent);
  }

  get fields(): Readonly<Record<string, string>> {
    if (this.#sends === undefined) return noFields;
    return (this.#fields ??= fieldsOf(this, this.#sends, this.#settings));
  }

  get bytes(): Readonly<Record<string, Uint8Array>> {
    return (this.#bytes ??= bytesOf(this.fields));
  }

  get wire(): Context {
    return (this.#wire ??= withOnly(this.context, this.baggage));
  }

  get inner(): Context {
    return (this.#inner ??= suppressTracing(this.wire));
  }

  answered(traceresponse: unknown): void {
    if (this.#owned && !this.#ended) linkAnswer(this.span, this.#target, traceresponse, this.#settings);
  }

  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#owned) finish(this.span, outcome ?? refusalOutcome(this.error), true, false);
    this.#settings.count(this.#transport, 'outbound', this.outcome);
  }
}
