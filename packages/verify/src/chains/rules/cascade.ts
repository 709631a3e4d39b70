import { boundaryBetween } from '../boundary.ts';
import { Fact } from '../columns/facts.ts';
import { NONE } from '../graph.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { listed } from '../listed.ts';
import { crossing, lasting } from '../words.ts';
import type { ChainRule } from './context.ts';

/** So many of one call, most of which failed, are more than a retry. */
const FAILING = 10;
/** So many of one call are more than any need, however they come out. */
const ANY = 25;

/** One operation with the same arguments again and again under one parent. */
export const cascade: ChainRule = ({ graph, ends }) => {
  const calls = new Map<number, Map<number, Index[]>>();
  for (const sender of ends.senders) {
    const call = graph.callOf(sender);
    if (call === undefined || graph.parentOf(sender) === NONE) continue;
    listed(
      listed(calls, graph.parentOf(sender), () => new Map<number, Index[]>()),
      call,
      () => [] as Index[],
    ).push(sender);
  }
  const spots: (Spot & { readonly text: string })[] = [];
  for (const same of [...calls.values()].flatMap((ofParent) => [...ofParent.values()])) {
    const failed = same.filter((at) => graph.is(at, Fact.failed));
    if (same.length < FAILING || (failed.length * 2 < same.length && same.length < ANY)) continue;
    const first = same[0] as Index;
    const receiver = same
      .flatMap((at) => [...graph.childrenOf(at)])
      .find((at) => graph.serviceNumber(at) !== graph.serviceNumber(first));
    const boundary = boundaryBetween(graph, first, receiver, undefined);
    const took = same.reduce((last, at) => Math.max(last, graph.endOf(at)), 0) - graph.startOf(first);
    const text = `the same call ${same.length} times under one span, ${failed.length} of them failed, ${lasting(took)} in all`;
    spots.push({ at: first, boundary, text });
  }
  return grouped(
    'cascade',
    'error',
    graph,
    spots,
    (first) => `${crossing(first.boundary)}: ${(first as (typeof spots)[number]).text}`,
  );
};
