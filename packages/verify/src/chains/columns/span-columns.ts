import type { CollectedSpan } from '../../span.ts';
import { callOf, meetingPointOf, placeKeyOf } from '../meeting-point.ts';
import type { CodePlace } from '../finding.ts';
import type { MeetingPoint } from '../meeting-point.ts';
import { digest } from './digest.ts';
import { takeSignals } from './draft-events.ts';
import { draftOfSpan } from './draft-of-span.ts';
import { Fact, factsOf } from './facts.ts';
import { GrowingFloats, GrowingIntegers } from './growing.ts';
import { Interned } from './interned.ts';
import { amountOf } from './known-attributes.ts';
import { notesOf } from './notes.ts';
import { KINDS, SpanDraft } from './span-draft.ts';
import type { ModelLoad } from './span-draft.ts';
import { SpanIds } from './span-ids.ts';

/** So many spans of one id are compared with the next one that has it. */
const MAX_COMPARED = 16;
/** So many characters of a message are kept. */
const MAX_ERROR = 200;
const NONE = -1;

/**
 * The spans of a capture, with a column for each thing that is looked at: some hundred bytes a span, whatever it holds. Spans that came
 * twice are there once.
 */
export class SpanColumns {
  readonly ids: SpanIds = new SpanIds();
  readonly traceIds: Interned<string> = new Interned<string>();
  readonly services: Interned<string> = new Interned<string>();
  readonly names: Interned<string> = new Interned<string>();
  /** The instrumentations that made the spans. */
  readonly scopes: Interned<string> = new Interned<string>();
  readonly meetingPoints: Interned<MeetingPoint> = new Interned<MeetingPoint>();
  readonly parentHigh: GrowingIntegers = new GrowingIntegers();
  readonly parentLow: GrowingIntegers = new GrowingIntegers();
  readonly service: GrowingIntegers = new GrowingIntegers();
  readonly name: GrowingIntegers = new GrowingIntegers();
  readonly scope: GrowingIntegers = new GrowingIntegers();
  readonly kind: GrowingIntegers = new GrowingIntegers();
  readonly meetingPoint: GrowingIntegers = new GrowingIntegers();
  readonly facts: GrowingIntegers = new GrowingIntegers();
  /** Milliseconds since 1970. */
  readonly start: GrowingFloats = new GrowingFloats();
  /** Milliseconds. */
  readonly duration: GrowingFloats = new GrowingFloats();
  /** Where in its code a span was made, where it says so. */
  readonly codes: Interned<CodePlace> = new Interned<CodePlace>();
  readonly code: GrowingIntegers = new GrowingIntegers();
  /** What a failed span says of why. */
  readonly errors: Interned<string> = new Interned<string>();
  readonly error: GrowingIntegers = new GrowingIntegers();
  /** What a sender asked for, whole, as a number; 0 where it does not say. */
  readonly call: GrowingFloats = new GrowingFloats();
  readonly links: LinkColumns = new LinkColumns();
  /** How many calls an inbound hop of Throughline says that it made. */
  readonly calls: Map<number, number> = new Map<number, number>();
  /** The limit that a chain of agents went past at a span. */
  readonly exceeded: Map<number, string> = new Map<number, string>();
  /** How many hops from the root the lineage of Throughline counts. */
  readonly hops: Map<number, number> = new Map<number, number>();
  readonly conversations: Map<number, string> = new Map<number, string>();
  /** The agents that spans name. */
  readonly agents: Map<number, string> = new Map<number, string>();
  readonly tokens: Map<number, { readonly input: number; readonly output: number }> = new Map<
    number,
    { readonly input: number; readonly output: number }
  >();
  /** What calls of models cost, each in the currency of its number. */
  readonly costs: Map<number, { readonly amount: number; readonly currency: number }> = new Map();
  /** As spans name them, which may be empty. */
  readonly currencies: Interned<string> = new Interned<string>();
  /** What went wrong without an error. */
  readonly signals: Map<number, readonly string[]> = new Map();
  readonly loads: Map<number, SpanLoads> = new Map();
  /** What is to be seen of a turn or of a call of a model. */
  readonly notes: Map<number, readonly string[]> = new Map();
  /** How many spans were left out: their ids or times are none. */
  unreadable = 0;
  readonly #draft = new SpanDraft();

  get size(): number {
    return this.start.size;
  }

  /** Takes a span in. Nothing of it is kept but what has a column. */
  add(span: CollectedSpan): void {
    if (draftOfSpan(this.#draft, span)) this.take(this.#draft);
    else this.unreadable++;
  }

  /** The same for a draft. */
  take(draft: SpanDraft): void {
    const { attributes } = draft;
    const trace = this.traceIds.add(draft.traceId, draft.traceId);
    const first = this.ids.first(trace, draft.high, draft.low);
    const same = first === NONE ? NONE : this.#same(first, draft);
    // What was exported while it was open, and again when it had ended, is told by the later one.
    if (same !== NONE && this.duration.get(same) >= draft.duration) return;
    const at = same === NONE ? this.size : same;
    if (same === NONE) {
      this.ids.add(trace, draft.high, draft.low, first);
      this.parentHigh.push(draft.parentHigh);
      this.parentLow.push(draft.parentLow);
      this.service.push(this.services.add(draft.service, draft.service));
      this.name.push(this.names.add(draft.name, draft.name));
      this.scope.push(this.scopes.add(draft.scope, draft.scope));
      this.kind.push(KINDS.indexOf(draft.kind));
      this.start.push(draft.start);
    }
    const linked = same === NONE ? 0 : this.facts.get(at) & (Fact.links | Fact.linksUnsampled);
    this.facts.put(at, factsOf(draft) | (linked || this.#takeLinks(at, draft)));
    this.duration.put(at, draft.duration);
    this.error.put(at, draft.failed ? this.#errorOf(draft) : NONE);
    this.code.put(at, this.#codeOf(draft));
    const point = meetingPointOf(draft);
    this.meetingPoint.put(at, point === undefined ? NONE : this.meetingPoints.add(placeKeyOf(point), point));
    const call = point === undefined ? undefined : callOf(draft, point);
    this.call.put(at, call === undefined ? 0 : digest(call));
    const calls = attributes.number('throughline.calls');
    if (calls !== undefined) this.calls.set(at, calls);
    const hops = attributes.number('throughline.lineage.hops');
    if (hops !== undefined) this.hops.set(at, hops);
    const conversation = attributes.text('gen_ai.conversation.id');
    const agent = attributes.text('gen_ai.agent.name', 'throughline.agent.name');
    if (agent !== undefined) this.agents.set(at, agent);
    const input = attributes.number('gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens');
    if (input !== undefined) {
      const output = attributes.number('gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens') ?? 0;
      this.tokens.set(at, { input, output });
    }
    if (conversation !== undefined) this.conversations.set(at, conversation);
    if (draft.exceeded !== undefined) this.exceeded.set(at, draft.exceeded);
    this.#takeWork(at, draft);
  }

  /** What few spans say. */
  #takeWork(at: number, draft: SpanDraft): void {
    const { attributes, signals, loads, instance } = draft;
    const amount = amountOf(attributes.get('throughline.cost'));
    if (amount !== undefined) {
      const currency = attributes.text('throughline.cost.currency') ?? '';
      this.costs.set(at, { amount, currency: this.currencies.add(currency, currency) });
    }
    takeSignals(draft, attributes.get('throughline.signals'));
    if (signals.size > 0) this.signals.set(at, [...signals]);
    if (loads.length > 0) this.loads.set(at, { instance, models: [...loads] });
    const notes = notesOf(attributes, signals);
    if (notes.length > 0) this.notes.set(at, notes);
  }

  /** Returns what is true of a span by its links. */
  #takeLinks(at: number, draft: SpanDraft): number {
    let has = false;
    let isUnsampled = true;
    for (const raw of draft.links) {
      const link = draft.readLink(raw);
      if (link === undefined) continue;
      has = true;
      isUnsampled &&= link.isUnsampled;
      this.links.add(at, this.traceIds.add(link.traceId, link.traceId), link.high, link.low);
    }
    return has ? Fact.links | (isUnsampled ? Fact.linksUnsampled : 0) : 0;
  }

  #codeOf({ attributes }: SpanDraft): number {
    if (attributes.isEmpty) return NONE;
    const file = attributes.text('code.file.path', 'code.filepath');
    if (file === undefined) return NONE;
    const line = attributes.number('code.line.number', 'code.lineno');
    const isLine = line !== undefined && line > 0;
    return this.codes.add(`${line} ${file}`, isLine ? { file, line } : { file });
  }

  #errorOf({ attributes, statusMessage }: SpanDraft): number {
    const why = attributes.text('error.type') ?? statusMessage.slice(0, MAX_ERROR);
    return this.errors.add(why, why);
  }

  /** An exporter that was told to try again sends a span that is the same in all that it says. */
  #same(first: number, draft: SpanDraft): number {
    const known = this.ids.sharing(first) ?? [first];
    return known.slice(0, MAX_COMPARED).find((at) => this.#isSame(at, draft)) ?? NONE;
  }

  #isSame(at: number, draft: SpanDraft): boolean {
    return (
      this.start.get(at) === draft.start &&
      KINDS[this.kind.get(at)] === draft.kind &&
      this.names.valueOf(this.name.get(at)) === draft.name &&
      this.services.valueOf(this.service.get(at)) === draft.service &&
      (this.facts.get(at) & Fact.hasParent) === Number(draft.hasParent) &&
      this.parentHigh.get(at) === draft.parentHigh &&
      this.parentLow.get(at) === draft.parentLow
    );
  }
}

/** The models that were loaded at a span, and in which process, where that is known. */
export interface SpanLoads {
  readonly instance: string | undefined;
  readonly models: readonly ModelLoad[];
}

/** The columns that few spans have a value in, for what is said of models. */
export type ModelColumns = Readonly<Pick<SpanColumns, 'tokens' | 'costs' | 'currencies' | 'signals' | 'loads'>>;

/** The links of all spans, one after the other. */
class LinkColumns {
  readonly from: GrowingIntegers = new GrowingIntegers();
  readonly trace: GrowingIntegers = new GrowingIntegers();
  readonly high: GrowingIntegers = new GrowingIntegers();
  readonly low: GrowingIntegers = new GrowingIntegers();

  get size(): number {
    return this.from.size;
  }

  add(from: number, trace: number, high: number, low: number): void {
    this.from.push(from);
    this.trace.push(trace);
    this.high.push(high);
    this.low.push(low);
  }
}
