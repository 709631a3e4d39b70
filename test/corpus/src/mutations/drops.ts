import type { CollectedSpan } from '@throughline/verify';
import { idOf, isReceived, parentIdOf } from './family.ts';
import type { Family } from './family.ts';
import type { Draw, Mutated, Mutation, Need } from './mutation.ts';

/**
 * Returns a capture without some of its spans, and what is to be found: a span whose parent its own process dropped, and an arrival whose
 * sender is not there, where its trace began in here or a service is known to be silent. An arrival whose whole trace begins with a parent
 * that is not there is one from outside.
 */
export function without(family: Family, dropped: ReadonlySet<string>, told?: readonly string[]): Mutated {
  const spans = family.spans.filter((span) => !dropped.has(idOf(span)));
  const rooted = new Set(spans.filter(({ parentSpanId }) => parentSpanId === undefined).map(({ traceId }) => traceId));
  const byId = new Set(spans.map(idOf));
  const there = new Set(spans.map(({ service }) => service));
  const isSilent = (told ?? []).some((service) => !there.has(service));
  const must: Need[] = [];
  const may: Need[] = [];
  for (const span of spans) {
    const { service, links } = span;
    const arrival: Need = {
      codes: ['phantom-parent', 'sampling-split', 'orphan', 'missing-link-target', 'wrong-parent'],
      to: service,
    };
    if (dropped.has(parentIdOf(span) ?? '')) {
      if (!isReceived(span)) {
        const found = orphaned(span);
        must.push(...found.must);
        may.push(...found.may);
      } else (rooted.has(span.traceId) || isSilent ? must : may).push(arrival);
    } else if (isSilent && span.parentSpanId !== undefined && !byId.has(parentIdOf(span) ?? '') && isReceived(span)) {
      // From outside, or from who is silent.
      may.push(arrival);
    } else if (links.some((link) => dropped.has(idOf(link)))) may.push(arrival);
  }
  // Two calls and more that nobody answered, among those that were: that the other samples by itself is what it looks like.
  const servers = family.spans.filter((span) => dropped.has(idOf(span)) && isReceived(span));
  if (servers.length > 1) may.push(...servers.map(({ service }): Need => ({ codes: ['sampling-split'], to: service })));
  // A gap that names who is silent says so itself.
  const silence: Need = { codes: ['silent-service', 'phantom-parent', 'missing-link-target'] };
  if (isSilent && spans.length > 0) must.push(silence);
  return { spans, must, may, ...(told === undefined ? undefined : { services: told }) };
}

/** What is to be found of a span whose parent, one of its own process, is not there. */
export function orphaned({ service, links }: CollectedSpan): {
  readonly must: readonly Need[];
  readonly may: readonly Need[];
} {
  const need: Need = { codes: ['orphan'], to: service };
  // The link of an arrival has the checker pass over its parent: see random-mutations.test.ts.
  return links.length > 0 ? { must: [], may: [need] } : { must: [need], may: [] };
}

function dropping(name: string, dropped: readonly CollectedSpan[], told?: readonly string[]): Mutation {
  const ids = new Set(dropped.map(idOf));
  return {
    name: `${name}: ${dropped.map((span) => `${span.service} ${span.kind} ${span.name}`).join(', ')}`,
    apply: (family) => (family.spans.some((span) => ids.has(idOf(span))) ? without(family, ids, told) : undefined),
  };
}

const one: Draw = ({ spans }, random) => dropping('drops one', [random.pick(spans)]);

const some: Draw = ({ spans }, random) => {
  const dropped = Array.from({ length: 2 + random.below(5) }, () => random.pick(spans));
  return dropping('drops some', [...new Set(dropped)]);
};

const subtree: Draw = (family, random) => dropping('drops all under one', [...family.below(random.pick(family.spans))]);

const trace: Draw = ({ spans }, random) => {
  const { traceId } = random.pick(spans);
  return dropping(
    'drops a trace',
    spans.filter((span) => span.traceId === traceId),
  );
};

/** As of a process that was killed, or that records nothing. */
const service: Draw = ({ spans }, random) => {
  const silent = random.pick(spans).service;
  const told = random.chance(0.5) ? [...new Set(spans.map((span) => span.service))] : undefined;
  const dropped = spans.filter((span) => span.service === silent);
  return dropping(`drops service ${silent}${told === undefined ? '' : ', which is missed'}`, dropped, told);
};

/** What was exported last is lost, as of a file that was cut between two lines. */
const tail: Draw = ({ spans }, random) => dropping('cuts the end off', spans.slice(random.below(spans.length)));

export const drops: readonly Draw[] = [one, one, one, some, some, subtree, trace, service, service, tail];
