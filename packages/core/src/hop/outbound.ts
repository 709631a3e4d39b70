import { context as contextApi, propagation, trace } from '@opentelemetry/api';
import type { Attributes, Baggage, Context, Link, Span, SpanContext, SpanOptions } from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing } from '../context/opentelemetry.ts';
import { readFields } from '../carrier/read.ts';
import type { FieldsMode } from '../carrier/write.ts';
import { layered } from '../context/layer.ts';
import { ATTR_BAGGAGE_WITHHELD } from '../conventions.ts';
import type { Agent } from '../lineage/agent.ts';
import { lineageOf, rootChain } from '../lineage/chain.ts';
import type { Chain } from '../lineage/chain.ts';
import type { Deadline } from '../lineage/deadline.ts';
import { readBaggage, splitBaggage } from '../lineage/member.ts';
import { LineageError, refusalOutcome } from '../lineage/refusal.ts';
import type { LineageReason, Refused } from '../lineage/refusal.ts';
import { stepOut } from '../lineage/rules.ts';
import { chainWith, isRestarted, receiptOf } from '../lineage/state.ts';
import type { HopOutcome, Target } from '../parties.ts';
import { addBaggage } from '../policy/baggage-attributes.ts';
import { baggagePass, outboundPolicy, passedLineage, passedMembers, tellWithheld } from '../policy/policy.ts';
import { defaultSettings } from '../policy/settings.ts';
import type { HopSettings } from '../policy/settings.ts';
import { telemetryFailed } from '../telemetry/guard.ts';
import type { ErrorDetail, Outcome } from '../telemetry/outcome.ts';
import { describeSpan, endSpan, isTracing, noSpan, startSpan } from '../telemetry/span.ts';
import { baggageSize } from '../w3c/baggage.ts';
import { flagged, withRemote } from '../w3c/trace-context.ts';
import { isValidSpanContext, parseTraceparent } from '../w3c/traceparent.ts';
import { parseTracestate } from '../w3c/tracestate.ts';
import { linkAnswer } from './answer.ts';
import { fieldsOf } from './fields.ts';
import type { OutboundHop, Sending } from './hop.ts';
import { addLineage, noteExcess } from './position.ts';

const noFields: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Opens the outbound end of a hop: reads the active context at the call, starts the span, applies the policy for the
 * target, and gives the fields to write, or refuses. Write them into a copy of the carrier, run the library's own function in `inner`,
 * then call `end`. Never throws, whatever the application's telemetry does.
 */
export function startOutbound(hop: OutboundHop, settings: HopSettings = defaultSettings()): Sending | Refused {
  const active = hop.context ?? contextApi.active();
  if (isTracingSuppressed(active)) return new OutboundEnd(hop, settings, active, noSpan) as Sending;
  try {
    return open(hop, settings, active);
  } catch (thrown) {
    telemetryFailed('span', thrown);
    const end = new OutboundEnd(hop, settings, active, noSpan);
    if (isRestarted(active)) end.strip();
    return end as Sending;
  }
}

function open(hop: OutboundHop, settings: HopSettings, active: Context): Sending | Refused {
  const current = trace.getSpan(active);
  const hasActive = current !== undefined && isValidSpanContext(current.spanContext());
  const keptOut = isRestarted(active);
  const from = hasActive || keptOut ? held(active) : relayed(hop, active, settings);
  const { context: parent, user } = from;
  const isContinued = hasActive || from.relays;

  const policy = outboundPolicy(hop.target, settings);
  const pass = policy === 'suppress' ? undefined : baggagePass(hop.target, settings);
  const sent = pass === undefined ? undefined : passedMembers(user, pass);
  const withheld = pass === undefined || sent === user ? 0 : baggageSize(user) - baggageSize(sent);
  if (withheld > 0) tellWithheld(hop.target, settings);
  const rules = settings.lineage;
  const agent = settings.agent ?? receiptOf(parent)?.agent;
  let chain = rules === undefined ? undefined : chainWith(parent, from.lineage);

  const end = spanOf(hop, settings, from, active, withheld, chain, agent);
  // What a tracer makes is valid, or all zeros where nothing is traced.
  const spanContext = end.span.spanContext();
  const isTraced = end.owned ? isTracing(spanContext) : isContinued;
  // Where lineage is off, what came in goes on as it is.
  let lineage = from.lineage ?? (rules === undefined ? receiptOf(parent)?.lineage : undefined);
  if (rules !== undefined) {
    // Where there is nothing to trace, no chain begins. Where the hop is the root of its trace, its `traceparent` says already
    // what lineage would say: one hop. Propagation alone begins neither a trace nor, unless it is told to, a chain.
    if (chain === undefined && isTraced && (!rules.implied || (isContinued && settings.spans)))
      chain = rootChain(rules.maxHops, rules);
    if (chain !== undefined) {
      const { excess, text } = stepOut(rules, chain, hop, agent);
      if (excess !== undefined) {
        noteExcess(hop, 'outbound', rules, chain, excess, false, end.span);
        if (rules.enforce) return end.refuse(excess, chain);
      }
      lineage = text;
    }
  }
  end.withheld = withheld;
  end.isFiltered = true;
  if (pass === undefined) {
    end.strip();
    return end as Sending;
  }
  // A trace that starts here arrived with no flag.
  end.sends = isContinued ? flagged(parent, spanContext) : spanContext;
  end.baggage = sent;
  end.lineage = passedLineage(lineage, pass);
  end.outcome = isContinued ? 'continued' : 'started';
  end.mode = isTraced || keptOut ? 'write' : 'keep';
  end.keepsValid = !keptOut && (!isContinued || settings.options.existing === 'keep');
  if (chain?.expiry !== undefined && (chain.ownDeadline || rules?.enforce === true)) end.expiry = chain.expiry;
  return end as Sending;
}

/** What an outbound hop goes on from. */
interface From {
  readonly context: Context;
  /** The user's baggage. */
  readonly user: Baggage | undefined;
  readonly lineage: string | undefined;
  /** The caller's carrier held the parent. */
  readonly relays: boolean;
}

function held(active: Context): From {
  const { user, lineage } = splitBaggage(propagation.getBaggage(active));
  return { context: active, user, lineage, relays: false };
}

// With no span active, a valid context that the caller put into the carrier is the parent: a relay stays in the chain.
function relayed(hop: OutboundHop, active: Context, settings: HopSettings): From {
  const own = held(active);
  if (hop.carrier === undefined || hop.reader === undefined) return own;
  const fields = readFields(hop.carrier, hop.reader, settings.limits);
  const carried = fields.traceparent === undefined ? undefined : parseTraceparent(fields.traceparent);
  if (carried === undefined) return own;
  const traceState = parseTracestate(fields.tracestate, settings.limits);
  if (traceState !== undefined) carried.traceState = traceState;
  const found = readBaggage(fields.baggage, settings.limits);
  // Baggage of the caller's own context goes first. The chain is the carrier's either way.
  const user = own.user ?? found.user;
  let context = withRemote(layered(active), carried);
  if (user !== own.user) context = propagation.setBaggage(context, user as Baggage);
  return { context, user, lineage: found.lineage, relays: true };
}

function spanOf(
  hop: OutboundHop,
  settings: HopSettings,
  { context: parent, user }: From,
  active: Context,
  withheld: number,
  chain: Chain | undefined,
  agent: Agent | undefined,
): OutboundEnd {
  if (settings.spans && hop.span !== false) {
    // Counted where a span is opened, sampled or not: what was made can then be compared with what was exported.
    const receipt = receiptOf(active);
    if (receipt !== undefined) receipt.calls++;
    const options: SpanOptions = { kind: hop.kind };
    const attributes = attributesOf(hop, user, withheld, chain, agent, settings);
    if (attributes !== undefined) options.attributes = attributes;
    if (hop.links !== undefined && hop.links.length > 0) options.links = hop.links as Link[];
    if (hop.startTime !== undefined) options.startTime = hop.startTime;
    const started = startSpan(settings.tracer, hop.name, options, parent);
    if (started !== undefined) {
      const end = new OutboundEnd(hop, settings, parent, started.span);
      end.owned = true;
      return end;
    }
  }
  return new OutboundEnd(hop, settings, parent, trace.getSpan(parent) ?? noSpan);
}

function attributesOf(
  hop: OutboundHop,
  user: Baggage | undefined,
  withheld: number,
  chain: Chain | undefined,
  agent: Agent | undefined,
  settings: HopSettings,
): Attributes | undefined {
  // The SDK copies them once more: here only where there is something to add.
  const { attributes } = hop;
  if (user === undefined && (chain?.attempt ?? 1) === 1 && agent === undefined) return attributes;
  const more: Attributes = { ...attributes, ...agent?.attributes };
  if (user !== undefined) addBaggage(more, user, settings);
  if (withheld > 0) more[ATTR_BAGGAGE_WITHHELD] = withheld;
  if (chain !== undefined) addLineage(more, chain, 0, false);
  return more;
}

function withOnly(context: Context, baggage: Baggage | undefined): Context {
  if (propagation.getBaggage(context) === baggage) return context;
  return baggage === undefined ? propagation.deleteBaggage(context) : propagation.setBaggage(layered(context), baggage);
}

// A class, not closures: one is made for every call that leaves. It begins as a hop that does nothing, as under suppressed tracing;
// what not every carrier needs is made when somebody asks.
class OutboundEnd {
  readonly span: Span;
  outcome: HopOutcome = 'suppressed';
  mode: FieldsMode = 'keep';
  keepsValid = true;
  owned = false;
  error: LineageError | undefined = undefined;
  /** What the fields say; `undefined` where there are none to write. */
  sends: SpanContext | undefined = undefined;
  /** Whether `baggage` is what goes; else all of the context's is. */
  isFiltered = false;
  /** The user's baggage that goes. */
  baggage: Baggage | undefined = undefined;
  /** The lineage member that goes. */
  lineage: string | undefined = undefined;
  /** The deadline of the chain, where it applies here. */
  expiry: Deadline | undefined = undefined;
  /** How many members of baggage stay here. */
  withheld = 0;
  readonly #transport: string;
  readonly #target: Target;
  readonly #settings: HopSettings;
  readonly #parent: Context;
  #context: Context | undefined = undefined;
  #wire: Context | undefined = undefined;
  #inner: Context | undefined = undefined;
  #fields: Readonly<Record<string, string>> | undefined = undefined;
  #ended = false;

  constructor(hop: OutboundHop, settings: HopSettings, parent: Context, span: Span) {
    this.span = span;
    this.#parent = parent;
    this.#transport = hop.transport;
    this.#target = hop.target;
    this.#settings = settings;
  }

  /** No field of this hop goes, and none that the carrier holds. */
  strip(): void {
    this.mode = 'strip';
    this.keepsValid = false;
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

  get signal(): AbortSignal | undefined {
    return this.expiry?.signal;
  }

  get context(): Context {
    return (this.#context ??= this.owned ? trace.setSpan(layered(this.#parent), this.span) : this.#parent);
  }

  get fields(): Readonly<Record<string, string>> {
    if (this.sends === undefined) return noFields;
    return (this.#fields ??= fieldsOf(this.sends, this, this.#settings));
  }

  get foreign(): readonly string[] | undefined {
    const choice = this.#settings.propagator();
    return choice.kind === 'foreign' ? choice.fields : undefined;
  }

  fieldsFor(target: Target): Readonly<Record<string, string>> {
    if (this.sends === undefined || outboundPolicy(target, this.#settings) === 'suppress') return noFields;
    const pass = baggagePass(target, this.#settings);
    const baggage = passedMembers(this.baggage, pass);
    const lineage = passedLineage(this.lineage, pass);
    const { context } = this;
    return fieldsOf(this.sends, { baggage, lineage, wire: withOnly(context, baggage) }, this.#settings);
  }

  get wire(): Context {
    return (this.#wire ??= this.isFiltered ? withOnly(this.context, this.baggage) : this.context);
  }

  get inner(): Context {
    return (this.#inner ??= suppressTracing(this.wire));
  }

  describe(tell: (span: Span) => void): void {
    if (this.owned) describeSpan(this.span, tell);
  }

  answered(traceresponse: unknown): void {
    if (this.#ended) return;
    this.describe((span) => linkAnswer(span, this.#target, traceresponse, this.#settings));
  }

  end(outcome?: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.owned) endSpan(this.span, outcome ?? refusalOutcome(this.error), true, this.#errorDetail(outcome));
    this.#settings.count(this.#transport, 'outbound', this.outcome);
  }

  // What a third party says of a failure is its own text. A refusal is ours.
  #errorDetail(outcome: Outcome | undefined): ErrorDetail {
    if (outcome?.error === undefined || this.error !== undefined) return 'text';
    const { options, firstParty } = this.#settings;
    return options.recordErrorText === true || firstParty(this.#target) ? 'text' : 'type';
  }
}
