import type { Index, SpanGraph } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { lasting, shown, times } from '../words.ts';
import type { ChainRule, Judged } from './context.ts';

/** What of a conversation is in one chain. */
interface Part {
  /** The span with which the chain begins. */
  readonly root: Index;
  readonly start: number;
  end: number;
}

/**
 * One conversation in several chains that nothing joins. Turns of a user come one after the other, each a request of its own; work that
 * starts while a turn is open, and is no request to who took the turn, was caused by it.
 */
export const conversationSplit: ChainRule = (judged) => {
  const { graph, arrivals } = judged;
  // Told as what they are.
  const lost = new Set(arrivals.filter(({ joined }) => joined !== 'joined').map(({ receiver }) => receiver));
  const spots: (Spot & { readonly after: number })[] = [];
  for (const parts of conversationsOf(judged)) {
    let open: Part | undefined;
    for (const part of parts.sort((a, b) => a.start - b.start)) {
      if (open !== undefined && part.start < open.end && !isTurn(graph, part, open) && !lost.has(part.root)) {
        const boundary = {
          from: graph.serviceOf(open.root),
          to: graph.serviceOf(part.root),
          missing: 'context',
        } as const;
        spots.push({ at: part.root, boundary, after: part.start - open.start });
      }
      if (open === undefined || part.end > open.end) open = part;
    }
  }
  return grouped('conversation-split', 'warning', graph, spots, (spot, count) => {
    const [from, to] = [spot.boundary.from, spot.boundary.to].map(shown);
    return `${to} took part in a conversation of ${from} in a chain of its own, ${times(count)}: it started ${lasting((spot as (typeof spots)[number]).after)} after ${from} did, while ${from} was at work, and nothing joins the two`;
  });
};

/** Whether a part is a turn like the other: a request to the same service. */
function isTurn(graph: SpanGraph, part: Part, open: Part): boolean {
  return graph.kindOf(part.root) === 'SERVER' && graph.serviceNumber(part.root) === graph.serviceNumber(open.root);
}

function conversationsOf({ graph, chains }: Judged): Part[][] {
  const conversations = new Map<string, Set<Index>>();
  for (const [at, conversation] of graph.conversations()) {
    const known = conversations.get(conversation);
    if (known === undefined) conversations.set(conversation, new Set([chains.of(at)]));
    else known.add(chains.of(at));
  }
  const split = [...conversations.values()].filter((parts) => parts.size > 1);
  if (split.length === 0) return [];
  const wanted = new Map<Index, Part | undefined>(
    split.flatMap((parts) => [...parts].map((chain) => [chain, undefined])),
  );
  for (let at = 0; at < graph.size; at++) {
    const chain = chains.of(at);
    if (!wanted.has(chain)) continue;
    const known = wanted.get(chain);
    const [start, end] = [graph.startOf(at), graph.endOf(at)];
    wanted.set(
      chain,
      known === undefined || start < known.start
        ? { root: at, start, end: Math.max(end, known?.end ?? end) }
        : { ...known, end: Math.max(end, known.end) },
    );
  }
  return split.map((parts) => [...parts].flatMap((chain) => wanted.get(chain) ?? []));
}
