import type { SpanKindName } from '../span.ts';
import { Adjacency } from './columns/adjacency.ts';
import { Fact } from './columns/facts.ts';
import type { ModelColumns, SpanColumns } from './columns/span-columns.ts';
import { KINDS } from './columns/span-draft.ts';
import { idOf } from './columns/span-ids.ts';
import { forestOf } from './forest.ts';
import type { Forest } from './forest.ts';
import type { CodePlace, SpanId } from './finding.ts';
import type { MeetingPoint } from './meeting-point.ts';
import { parentsOf } from './parents.ts';

/** A span's place in the graph. */
export type Index = number;

/** No span. */
export const NONE = -1;

/** The spans of a capture and what joins them, each found by its index. */
export class SpanGraph {
  readonly size: number;
  /** How many traces have spans. */
  readonly traces: number;
  readonly services: ReadonlySet<string>;
  /** Different spans that have one id. */
  readonly collisions: readonly (readonly Index[])[];
  readonly #columns: SpanColumns;
  readonly #earliest: number;
  readonly #parent: Int32Array;
  readonly #children: Adjacency;
  readonly #linkedFrom: Adjacency;
  readonly #linkingTo: Adjacency;
  readonly #ofTrace: Adjacency;
  readonly #began: Uint8Array;
  #forest: Forest | undefined;
  #taking: Set<number> | undefined;

  constructor(columns: SpanColumns) {
    const size = columns.size;
    this.size = size;
    this.#columns = columns;
    let earliest = Infinity;
    // What says no time is 0, and would be by far the first.
    for (let at = 0; at < size; at++) earliest = Math.min(earliest, columns.start.get(at) || Infinity);
    this.#earliest = earliest === Infinity ? 0 : earliest;
    this.#parent = parentsOf(columns);
    this.#children = new Adjacency(size, (add) => {
      for (let at = 0; at < size; at++) if (this.parentOf(at) !== NONE) add(this.parentOf(at), at);
    });
    const targets = targetsOf(columns);
    const eachLink = (see: (from: Index, to: Index) => void): void => {
      for (const [link, target] of targets.entries()) {
        const from = columns.links.from.get(link);
        if (target !== NONE && target !== from) see(from, target);
      }
    };
    this.#linkedFrom = new Adjacency(size, (add) => eachLink((from, to) => add(from, to)));
    this.#linkingTo = new Adjacency(size, (add) => eachLink((from, to) => add(to, from)));
    this.#ofTrace = new Adjacency(columns.traceIds.size, (add) => {
      for (let at = 0; at < size; at++) add(columns.ids.trace.get(at), at);
    });
    this.#began = new Uint8Array(columns.traceIds.size);
    for (let at = 0; at < size; at++) if (!this.hasParent(at)) this.#began[columns.ids.trace.get(at)] = 1;
    let traces = 0;
    for (let trace = 0; trace < columns.traceIds.size; trace++) if (this.#ofTrace.countOf(trace) > 0) traces++;
    this.traces = traces;
    this.services = new Set(columns.services.values());
    this.collisions = [...columns.ids.groups()].filter((indexes) => !this.#isOneHop(indexes));
  }

  /** When the last span was over. */
  get lastEnd(): number {
    let last = 0;
    for (let at = 0; at < this.size; at++) last = Math.max(last, this.endOf(at));
    return last;
  }

  idOf(at: Index): SpanId {
    const { ids, traceIds } = this.#columns;
    return { traceId: traceIds.valueOf(ids.trace.get(at)), spanId: idOf(ids.high.get(at), ids.low.get(at)) };
  }

  /** Where in its code a span was made; `undefined` where it does not say. */
  codeOf(at: Index): CodePlace | undefined {
    const code = this.#columns.code.get(at);
    return code === NONE ? undefined : this.#columns.codes.valueOf(code);
  }

  serviceOf(at: Index): string {
    return this.#columns.services.valueOf(this.#columns.service.get(at));
  }

  /** The instrumentation that made a span; empty where nobody says. */
  scopeOf(at: Index): string {
    return this.#columns.scopes.valueOf(this.#columns.scope.get(at));
  }

  nameOf(at: Index): string {
    return this.#columns.names.valueOf(this.#columns.name.get(at));
  }

  kindOf(at: Index): SpanKindName {
    return KINDS[this.#columns.kind.get(at)] as SpanKindName;
  }

  /** Whether something is true of a span: one of {@link Fact}. */
  is(at: Index, fact: number): boolean {
    return (this.#columns.facts.get(at) & fact) !== 0;
  }

  /** Milliseconds since the earliest span. */
  startOf(at: Index): number {
    return this.#columns.start.get(at) - this.#earliest;
  }

  endOf(at: Index): number {
    return this.startOf(at) + this.durationOf(at);
  }

  /** Whether a span says when it was over. */
  saysEnd(at: Index): boolean {
    return this.#columns.start.get(at) > 0 && this.durationOf(at) >= 0;
  }

  /** Milliseconds. */
  durationOf(at: Index): number {
    return this.#columns.duration.get(at);
  }

  /** Why a span failed, which may be empty; `undefined` where it did not. */
  errorOf(at: Index): string | undefined {
    const error = this.#columns.error.get(at);
    return error === NONE ? undefined : this.#columns.errors.valueOf(error);
  }

  /** The parent that a span names, in the capture or not; `undefined` where it names none. */
  parentIdOf(at: Index): string | undefined {
    if (!this.hasParent(at)) return undefined;
    return idOf(this.#columns.parentHigh.get(at), this.#columns.parentLow.get(at));
  }

  /** {@link NONE} for a root, and where the parent is not in the capture. */
  parentOf(at: Index): Index {
    return this.#parent[at] as Index;
  }

  /** Whether a span names a parent, in the capture or not. */
  hasParent(at: Index): boolean {
    return this.is(at, Fact.hasParent);
  }

  /** The spans above a span, from its parent on. Parents that lead back to themselves end somewhere. */
  *above(at: Index): Generator<Index> {
    for (let up = this.parentOf(at), steps = 0; up !== NONE && steps < this.size; up = this.parentOf(up), steps++)
      yield up;
  }

  childrenOf(at: Index): Int32Array {
    return this.#children.of(at);
  }

  /** What a span links to, as far as it is in the capture. */
  linkedFrom(at: Index): Int32Array {
    return this.#linkedFrom.of(at);
  }

  /** The spans that link to a span. */
  linkingTo(at: Index): Int32Array {
    return this.#linkingTo.of(at);
  }

  /** The spans of the trace that a span is in. */
  traceOf(at: Index): Int32Array {
    return this.#ofTrace.of(this.#columns.ids.trace.get(at));
  }

  /** A number that is the same for two spans of one trace. */
  traceNumber(at: Index): number {
    return this.#columns.ids.trace.get(at);
  }

  meetingPoint(at: Index): MeetingPoint | undefined {
    const number = this.#columns.meetingPoint.get(at);
    return number === NONE ? undefined : this.#columns.meetingPoints.valueOf(number);
  }

  /** A number that is the same for two spans that meet their other ends at one place; {@link NONE} where they do not say. */
  meetingPointNumber(at: Index): number {
    return this.#columns.meetingPoint.get(at);
  }

  /** Whether the parent of a span is in another process, as far as can be told. */
  isRemote(at: Index): boolean {
    if (this.is(at, Fact.saysRemote)) return this.is(at, Fact.parentIsRemote);
    const kind = this.kindOf(at);
    return kind === 'SERVER' || kind === 'CONSUMER';
  }

  /** Whether the trace of a span began in the capture: one of its spans has no parent. */
  beganHere(at: Index): boolean {
    return this.#began[this.#columns.ids.trace.get(at)] === 1;
  }

  /** The order from the top down, and who is below whom. */
  get forest(): Forest {
    this.#forest ??= forestOf(
      this.size,
      (at) => this.parentOf(at),
      (at) => this.childrenOf(at),
    );
    return this.#forest;
  }

  /** A number that is the same for two spans of one service. */
  serviceNumber(at: Index): number {
    return this.#columns.service.get(at);
  }

  /** What is to be seen of a turn or of a call of a model. */
  notesOf(at: Index): readonly string[] | undefined {
    return this.#columns.notes.get(at);
  }

  /** A number for what a sender asked for, whole, or for the message that somebody got: equal where it is the same; `undefined` where it does not say. */
  callOf(at: Index): number | undefined {
    return this.#columns.call.get(at) || undefined;
  }

  /** How many calls a hop of Throughline says that it made. */
  callsMade(): Iterable<readonly [Index, number]> {
    return this.#columns.calls;
  }

  /** How many hops the lineage of Throughline counts at a hop. */
  hopCounts(): Iterable<readonly [Index, number]> {
    return this.#columns.hops;
  }

  /** Which agent a span says that it is of. */
  agents(): Iterable<readonly [Index, string]> {
    return this.#columns.agents;
  }

  /** What few spans say of models: what calls took and cost, what went wrong without an error, what was loaded. */
  get models(): ModelColumns {
    return this.#columns;
  }

  countsTokens(at: Index): boolean {
    return this.#columns.tokens.has(at);
  }

  /** Which conversation a span says that it is of. */
  conversations(): Iterable<readonly [Index, string]> {
    return this.#columns.conversations;
  }

  /** How many spans were left out, because their ids or times are none. */
  get unreadable(): number {
    return this.#columns.unreadable;
  }

  /** Where a chain of agents went past a limit, and which. */
  exceeded(): Iterable<readonly [Index, string]> {
    return this.#columns.exceeded;
  }

  /** Whether a service has a span in the trace of this one. */
  takesPart(at: Index, service: string): boolean {
    if (this.#taking === undefined) {
      this.#taking = new Set();
      for (let other = 0; other < this.size; other++) this.#taking.add(this.#partOf(other, this.serviceOf(other)));
    }
    return this.#taking.has(this.#partOf(at, service));
  }

  #partOf(at: Index, service: string): number {
    const { ids, services } = this.#columns;
    return ids.trace.get(at) * services.size + (services.numberOf(service) ?? Number.NaN);
  }

  #isOneHop(indexes: readonly Index[]): boolean {
    const kinds = new Set(indexes.slice(0, 3).map((index) => this.kindOf(index)));
    return indexes.length === 2 && kinds.has('CLIENT') && kinds.has('SERVER');
  }
}

function targetsOf({ ids, links }: SpanColumns): Int32Array {
  const targets = new Int32Array(links.size);
  for (let link = 0; link < links.size; link++) {
    targets[link] = ids.first(links.trace.get(link), links.high.get(link), links.low.get(link));
  }
  return targets;
}
