import type { Acting } from './acting.ts';
import { ancestryOf } from './ancestry.ts';
import type { Index, SpanGraph } from './graph.ts';
import { NONE } from './graph.ts';
import { listed } from './listed.ts';

/** What calls of models took, each counted once: where a span and one below it both count, that below does. */
export interface AgentTokens {
  readonly input: number;
  readonly output: number;
  /** How many spans count. */
  readonly calls: number;
  /** Absent where no span says what it cost. Two currencies are never added up. */
  readonly cost?: readonly AgentCost[];
}

/** What calls cost, in one currency. */
export interface AgentCost {
  /** As spans name it; absent where they do not. */
  readonly currency?: string;
  readonly amount: number;
}

/** What models took, by the number of who acted. */
export interface Usage {
  readonly own: ReadonlyMap<number, AgentTokens>;
  /** With all that is below, across services. */
  readonly total: ReadonlyMap<number, AgentTokens>;
}

/** So many currencies are told: there are fewer. */
const MAX_CURRENCIES = 20;

/** Adds up what is put, for each actor. */
type Sums = (add: (put: (at: Index, amount: number) => void) => void) => Float64Array;

/** Returns what calls of models took, for who made them, and for all who are above. */
export function usageOf(graph: SpanGraph, acting: Acting): Usage {
  const { tokens, costs } = graph.models;
  if (tokens.size === 0 && costs.size === 0) return { own: new Map(), total: new Map() };
  const counted = countedIn(graph);
  const ancestry = ancestryOf(graph, acting);
  const own: Sums = (add) => {
    const sums = new Float64Array(acting.actors.length);
    add((at, amount) => {
      const actor = acting.of(at);
      sums[actor] = (sums[actor] as number) + amount;
    });
    return sums;
  };
  return {
    own: summed(graph, counted, own),
    total: summed(graph, counted, (add) => ancestry.sums(add)),
  };
}

/** The spans that count: what is counted again further down is left out. */
function countedIn(graph: SpanGraph): readonly Index[] {
  const { tokens, costs } = graph.models;
  const counts = (at: Index): boolean => tokens.has(at) || costs.has(at);
  // The nearest span from each one on upwards, in its process, that counts.
  const counting = new Int32Array(graph.size).fill(NONE);
  const countedBelow = new Set<Index>();
  const found: Index[] = [];
  for (const at of graph.forest.topDown) {
    const parent = graph.parentOf(at);
    const isBelow = parent !== NONE && graph.serviceNumber(parent) === graph.serviceNumber(at);
    const above = isBelow ? (counting[parent] as Index) : NONE;
    counting[at] = above;
    if (!counts(at)) continue;
    counting[at] = at;
    found.push(at);
    if (above !== NONE) countedBelow.add(above);
  }
  return found.filter((at) => !countedBelow.has(at)).sort((a, b) => a - b);
}

function summed(graph: SpanGraph, counted: readonly Index[], sums: Sums): Map<number, AgentTokens> {
  const { tokens } = graph.models;
  const calls = sums((put) => counted.forEach((at) => put(at, 1)));
  const input = sums((put) => counted.forEach((at) => put(at, tokens.get(at)?.input ?? 0)));
  const output = sums((put) => counted.forEach((at) => put(at, tokens.get(at)?.output ?? 0)));
  const costs = costsIn(graph, counted, sums);
  const found = new Map<number, AgentTokens>();
  calls.forEach((many, actor) => {
    if (many === 0) return;
    const cost = costs.get(actor);
    found.set(actor, {
      input: input[actor] as number,
      output: output[actor] as number,
      calls: many,
      ...(cost === undefined ? undefined : { cost }),
    });
  });
  return found;
}

function costsIn(graph: SpanGraph, counted: readonly Index[], sums: Sums): Map<number, AgentCost[]> {
  const { costs, currencies } = graph.models;
  const priced = new Map<number, [Index, number][]>();
  for (const at of counted) {
    const cost = costs.get(at);
    if (cost !== undefined) listed(priced, cost.currency, (): [Index, number][] => []).push([at, cost.amount]);
  }
  const found = new Map<number, AgentCost[]>();
  for (const [number, inIt] of [...priced].slice(0, MAX_CURRENCIES)) {
    const currency = currencies.valueOf(number);
    const calls = sums((put) => inIt.forEach(([at]) => put(at, 1)));
    const amounts = sums((put) => inIt.forEach(([at, amount]) => put(at, amount)));
    calls.forEach((many, actor) => {
      if (many === 0) return;
      const amount = rounded(amounts[actor] as number);
      listed(found, actor, (): AgentCost[] => []).push(currency === '' ? { amount } : { currency, amount });
    });
  }
  return found;
}

// Sums of tenths are no tenths.
function rounded(amount: number): number {
  return Number(amount.toPrecision(12));
}
