import {
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  propagation,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Context, Link, Span } from '@opentelemetry/api';
import { isTracingSuppressed, suppressTracing } from '@opentelemetry/core';
import { linkAnswer } from './answer.ts';
import { baggageSize, parseBaggage } from './baggage.ts';
import { addBaggage } from './baggage-attributes.ts';
import { readFields } from './carrier.ts';
import { ATTR_BAGGAGE_WITHHELD } from './conventions.ts';
import type { FieldsMode, HopOutcome, OutboundHop, Outcome, Sending, Target } from './hop.ts';
import { layered } from './layer.ts';
import { finish } from './outcome.ts';
import { outboundPolicy, sentBaggage } from './policy.ts';
import { foreignInject } from './propagation.ts';
import { w3cFieldValues, withRemote } from './propagator.ts';
import { receiptOf } from './receipts.ts';
import { defaultSettings } from './settings.ts';
import type { HopSettings } from './settings.ts';
import { parseTraceparent } from './traceparent.ts';
import { parseTracestate } from './tracestate.ts';

const noFields: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Opens the outbound end of a hop: reads the active context at the call, starts the span, applies the policy for the
 * target, and gives the fields to write. Write them into a copy of the carrier, run the library's own function in `inner`,
 * then call `end`. Never throws.
 */
export function startOutbound(hop: OutboundHop, settings: HopSettings = defaultSettings()): Sending {
  const active = hop.context ?? contextApi.active();
  if (isTracingSuppressed(active)) {
    const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    return new OutboundEnd(hop, settings, active, active, span, 'suppressed', noFields, 'keep', true, false);
  }
  const current = trace.getSpanContext(active);
  const hasActive = current !== undefined && isSpanContextValid(current);
  const relay = hasActive || hop.carrier === undefined ? undefined : relayed(hop, active, settings);
  const relays = relay !== undefined;
  const parent = relay ?? active;

  const policy = outboundPolicy(hop.target, settings);
  const held = propagation.getBaggage(parent);
  const sent = held === undefined || policy === 'suppress' ? held : sentBaggage(held, hop.target, settings);
  const withheld = sent === held ? 0 : baggageSize(held) - baggageSize(sent);

  const owned = settings.spans && hop.span !== false;
  let span: Span;
  let context: Context;
  if (owned) {
    // Counted where a span is opened, sampled or not: what was made can then be compared with what was exported.
    const receipt = receiptOf(active);
    if (receipt !== undefined) receipt.calls++;
    const attributes: Attributes = { ...hop.attributes, ...settings.agent };
    if (held !== undefined) addBaggage(attributes, held, settings);
    if (withheld > 0) attributes[ATTR_BAGGAGE_WITHHELD] = withheld;
    span = settings.tracer.startSpan(
      hop.name,
      {
        kind: hop.kind,
        attributes,
        ...(hop.links === undefined || hop.links.length === 0 ? undefined : { links: hop.links as Link[] }),
        ...(hop.startTime === undefined ? undefined : { startTime: hop.startTime }),
      },
      parent,
    );
    context = trace.setSpan(layered(parent), span);
  } else {
    context = parent;
    span = trace.getSpan(parent) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  }
  let wire = context;
  if (sent !== held)
    wire = sent === undefined ? propagation.deleteBaggage(context) : propagation.setBaggage(context, sent);

  if (policy === 'suppress') {
    wire = propagation.deleteBaggage(context);
    return new OutboundEnd(hop, settings, context, wire, span, 'suppressed', noFields, 'strip', false, owned);
  }
  const fields = fieldsOf(wire, span, settings);
  const valid = isSpanContextValid(span.spanContext());
  const keepsValid = settings.options.existing === 'keep' || !(hasActive || relays);
  const outcome: HopOutcome = hasActive || relays ? 'continued' : 'started';
  return new OutboundEnd(
    hop,
    settings,
    context,
    wire,
    span,
    outcome,
    fields,
    valid ? 'write' : 'keep',
    keepsValid,
    owned,
  );
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
  const baggage =
    propagation.getBaggage(active) === undefined ? parseBaggage(fields.baggage, settings.limits) : undefined;
  return baggage === undefined ? context : propagation.setBaggage(context, baggage);
}

function fieldsOf(wire: Context, span: Span, settings: HopSettings): Record<string, string> {
  const choice = settings.propagator();
  if (choice.kind === 'foreign') return foreignInject(choice.propagator, wire, settings.limits);
  const fields = w3cFieldValues(wire, span.spanContext(), settings.limits);
  if (!choice.trace) delete fields['traceparent'];
  if (!choice.state) delete fields['tracestate'];
  if (!choice.baggage) delete fields['baggage'];
  return fields;
}

// A class, not closures: one is made for every call that leaves.
class OutboundEnd implements Sending {
  readonly context: Context;
  readonly wire: Context;
  readonly span: Span;
  readonly outcome: HopOutcome;
  readonly fields: Readonly<Record<string, string>>;
  readonly mode: FieldsMode;
  readonly keepsValid: boolean;
  readonly #transport: string;
  readonly #target: Target;
  readonly #owned: boolean;
  readonly #settings: HopSettings;
  #inner: Context | undefined;
  #ended = false;

  constructor(
    hop: OutboundHop,
    settings: HopSettings,
    context: Context,
    wire: Context,
    span: Span,
    outcome: HopOutcome,
    fields: Readonly<Record<string, string>>,
    mode: FieldsMode,
    keepsValid: boolean,
    owned: boolean,
  ) {
    this.context = context;
    this.wire = wire;
    this.span = span;
    this.outcome = outcome;
    this.fields = fields;
    this.mode = mode;
    this.keepsValid = keepsValid;
    this.#transport = hop.transport;
    this.#target = hop.target;
    this.#owned = owned;
    this.#settings = settings;
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
    if (this.#owned) finish(this.span, outcome, true, false);
    this.#settings.count(this.#transport, 'outbound', this.outcome);
  }
}
