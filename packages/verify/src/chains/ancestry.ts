import type { Acting } from './acting.ts';
import { Fact } from './columns/facts.ts';
import { GrowingIntegers } from './columns/growing.ts';
import { NONE } from './graph.ts';
import type { Index, SpanGraph } from './graph.ts';

/**
 * Who acts at each span and above it, across services, each of them once. Spans share their lists, and lists their ends, so that what is
 * added to all who are above a call is added once for each list:
 *
 *     [analyst] → [planner] → [gateway]          a call of the analyst's counts for all three
 *     [writer]  ──┘                              one of the writer's for the writer, the planner and the gateway
 *
 * A list is a number; the list that it goes on with has a smaller one.
 */
export interface Ancestry {
  /** Returns the sum for each actor of what is added to spans at which it acts, or which are below it: each span counts once. */
  sums(add: (put: (at: Index, amount: number) => void) => void): Float64Array;
}

/** A list that is longer begins anew. A chain of agents is some dozen deep; what joins the work of many has all of them above it. */
const MAX_ABOVE = 128;
/** So many lists are made. Past that, each actor is told of its own calls alone. */
const MAX_LISTS = 1_000_000;

/** Returns who is above each span: its parents, and what a receiver or the first span of a piece of work links to. */
export function ancestryOf(graph: SpanGraph, acting: Acting): Ancestry {
  const lists = new Lists(acting.actors.length);
  const listAt = new Int32Array(graph.size);
  const state = new Uint8Array(graph.size);
  const open: Index[] = [];
  const linksOfOpen: Int32Array[] = [];
  const nextCause: number[] = [];
  const enter = (at: Index): void => {
    state[at] = OPEN;
    open.push(at);
    linksOfOpen.push(linksOf(graph, at));
    nextCause.push(0);
  };
  for (let from = 0; from < graph.size; from++) {
    if (state[from] === NEW) enter(from);
    // Causes first. Those that lead back to themselves are cut somewhere.
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const links = linksOfOpen.at(-1) as Int32Array;
      const nth = nextCause.at(-1) as number;
      if (nth <= links.length) {
        nextCause[nextCause.length - 1] = nth + 1;
        const cause = nth === 0 ? graph.parentOf(at) : (links[nth - 1] as Index);
        if (cause !== NONE && state[cause] === NEW) enter(cause);
        continue;
      }
      const parent = graph.parentOf(at);
      let list = parent !== NONE && state[parent] === DONE ? (listAt[parent] as number) : NOBODY;
      for (const target of links) if (state[target] === DONE) list = lists.joined(list, listAt[target] as number);
      listAt[at] = lists.with(list, acting.of(at));
      state[at] = DONE;
      open.pop();
      linksOfOpen.pop();
      nextCause.pop();
    }
  }
  return {
    sums(add) {
      const ofLists = new Float64Array(lists.size);
      add((at, amount) => {
        const list = listAt[at] as number;
        ofLists[list] = (ofLists[list] as number) + amount;
      });
      return lists.byActor(ofLists);
    },
  };
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;

const nothing = new Int32Array();

/** What caused a span beside its parent. What goes out links to what it is about, or to its answer, and neither made it. */
function linksOf(graph: SpanGraph, at: Index): Int32Array {
  if (!graph.is(at, Fact.links)) return nothing;
  const kind = graph.kindOf(at);
  const isCaused = kind === 'SERVER' || kind === 'CONSUMER' || (kind === 'INTERNAL' && graph.parentOf(at) === NONE);
  return isCaused ? graph.linkedFrom(at) : nothing;
}

/** The list without anybody. */
const NOBODY = 0;

/** More than there are lists, and its square is a whole number still. */
const MAX_NUMBER = 2 ** 26;

/** Lists of actors, each a first one and the rest. */
class Lists {
  readonly #first = new GrowingIntegers();
  readonly #rest = new GrowingIntegers();
  readonly #length = new GrowingIntegers();
  readonly #actors: number;
  readonly #longer = new Map<number, number>();
  readonly #joined = new Map<number, number>();
  /** For each actor the last list that was looked at and has it. */
  readonly #seen: Int32Array;

  constructor(actors: number) {
    this.#actors = actors;
    this.#seen = new Int32Array(actors);
    this.#add(NONE, NOBODY, 0);
  }

  get size(): number {
    return this.#first.size;
  }

  /** Returns a list with one more actor, the same where it is there. */
  with(list: number, actor: number): number {
    if (this.#first.get(list) === actor) return list;
    const key = list * this.#actors + actor;
    const known = this.#longer.get(key);
    if (known !== undefined) return known;
    const isFull = this.#length.get(list) >= MAX_ABOVE || this.size >= MAX_LISTS;
    const longer = this.#has(list, actor)
      ? list
      : isFull && list !== NOBODY
        ? this.with(NOBODY, actor)
        : this.#add(actor, list, this.#length.get(list) + 1);
    if (this.size < MAX_LISTS || list === NOBODY) this.#longer.set(key, longer);
    return longer;
  }

  /** Returns a list with all of two. */
  joined(list: number, other: number): number {
    if (list === other || other === NOBODY) return list;
    if (list === NOBODY) return other;
    const key = list * MAX_NUMBER + other;
    const known = this.#joined.get(key);
    if (known !== undefined) return known;
    let both = list;
    for (let at = list; at !== NOBODY; at = this.#rest.get(at)) this.#seen[this.#first.get(at)] = list;
    for (let at = other; at !== NOBODY && this.#length.get(both) < MAX_ABOVE; at = this.#rest.get(at)) {
      const actor = this.#first.get(at);
      if (this.#seen[actor] !== list) both = this.with(both, actor);
    }
    if (this.#joined.size < MAX_LISTS) this.#joined.set(key, both);
    return both;
  }

  /** Returns for each actor the sum of the lists that have it. */
  byActor(ofLists: Float64Array): Float64Array {
    const sums = new Float64Array(this.#actors);
    for (let list = this.size - 1; list > NOBODY; list--) {
      const sum = ofLists[list] as number;
      const [actor, rest] = [this.#first.get(list), this.#rest.get(list)];
      sums[actor] = (sums[actor] as number) + sum;
      ofLists[rest] = (ofLists[rest] as number) + sum;
    }
    return sums;
  }

  #has(list: number, actor: number): boolean {
    for (let at = list; at !== NOBODY; at = this.#rest.get(at)) if (this.#first.get(at) === actor) return true;
    return false;
  }

  #add(first: number, rest: number, length: number): number {
    this.#first.push(first);
    this.#rest.push(rest);
    this.#length.push(length);
    return this.size - 1;
  }
}
