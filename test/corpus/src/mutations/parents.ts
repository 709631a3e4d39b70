import type { CollectedSpan } from '@throughline/verify';
import { idOf, isReceived } from './family.ts';
import type { Family } from './family.ts';
import { orphaned } from './drops.ts';
import { replaced } from './mutation.ts';
import type { Draw, Mutation, Need } from './mutation.ts';
import { isDirect } from './ports.ts';

interface Hop {
  readonly sender: CollectedSpan;
  readonly receiver: CollectedSpan;
}

/** The hops that are whole, with who alone can have sent what was received. */
function hopsOf(family: Family): Hop[] {
  return family.spans.flatMap((receiver) => {
    const sender = family.parentOf(receiver);
    if (sender === undefined || sender.service === receiver.service) return [];
    if (receiver.kind !== 'SERVER' && receiver.kind !== 'CONSUMER') return [];
    if (sender.kind !== 'CLIENT' && sender.kind !== 'PRODUCER') return [];
    // Of a message that came twice, the other delivery is joined: nothing says that this one is of the same message.
    const heard = family.childrenOf(sender).filter(({ service }) => service === receiver.service);
    return heard.length === 1 ? [{ sender, receiver }] : [];
  });
}

/** Returns the spans with one of them, and all that is under it, below another parent. */
function moved(
  family: Family,
  top: CollectedSpan,
  to: { readonly traceId: string; readonly parentSpanId?: string },
): CollectedSpan[] {
  const below = family.below(top);
  return family.spans.map((span) => {
    if (!below.has(span)) return span;
    if (span !== top) return { ...span, traceId: to.traceId };
    const { parentSpanId: _, parentIsRemote, ...rest } = span;
    const isRoot = to.parentSpanId === undefined;
    return {
      ...rest,
      ...to,
      links: isRoot ? [] : span.links,
      ...(isRoot || parentIsRemote === undefined ? undefined : { parentIsRemote }),
    };
  });
}

/** Whether a call arrives while its sender waits, by the clocks of both. */
function isInTime({ sender, receiver }: Hop): boolean {
  const arrived = receiver.startTimeUnixNano;
  return sender.kind === 'PRODUCER' || (sender.startTimeUnixNano <= arrived && arrived <= sender.endTimeUnixNano);
}

/** Whether both ends name one path and one port, as far as they say: a proxy between them may ask elsewhere. */
function meet({ sender, receiver }: Hop): boolean {
  const [asked, served] = [pathOf(sender), pathOf(receiver)];
  const isOnePath = asked === undefined || served === undefined || asked === served;
  return isOnePath && isDirect(sender, receiver);
}

function pathOf({ attributes }: CollectedSpan): string | undefined {
  const text = attributes['url.full'] ?? attributes['http.url'] ?? attributes['url.path'] ?? attributes['http.target'];
  return typeof text === 'string' ? URL.parse(text, 'http://any')?.pathname : undefined;
}

const named = ({ service, kind, name, spanId }: CollectedSpan): string => `${service} ${kind} ${name} (${spanId})`;

/**
 * A receiver that starts a root is lost context at that boundary. Where clocks are apart, this hop may have been all that told; and where a
 * proxy between them asks for another path, nothing is left that does.
 */
const lost: Draw = (family, random) => {
  const hops = hopsOf(family);
  if (hops.length === 0) return undefined;
  const hop = random.pick(hops);
  const [from, to, traceId] = [idOf(hop.sender), idOf(hop.receiver), random.hex(32)];
  return {
    name: `loses the context of ${named(hop.receiver)}`,
    apply: (again) => {
      const [sender, receiver] = [again.find(from), again.find(to)];
      if (sender === undefined || receiver === undefined) return undefined;
      const spans = moved(again, receiver, { traceId });
      const need: Need = { codes: ['lost-context'], from: sender.service, to: receiver.service };
      return hopsOf(again).every(isInTime) && meet({ sender, receiver })
        ? { spans, must: [need] }
        : { spans, must: [], may: [need] };
    },
  };
};

/** A parent that is nowhere. */
const phantom: Draw = (family, random) => {
  const children = family.spans.filter((span) => family.parentOf(span) !== undefined);
  if (children.length === 0) return undefined;
  const [child, parentSpanId] = [random.pick(children), random.hex(16)];
  return changing(`gives a parent that is nowhere to ${named(child)}`, child, (span, again) => {
    const sender = again.parentOf(span);
    if (sender === undefined) return undefined;
    const spans = replaced(again, span, { parentSpanId });
    if (!isReceived(span)) return { spans, ...orphaned(span) };
    const arrival = { codes: ['phantom-parent', 'sampling-split', 'orphan'], to: span.service } as const;
    const isRooted = spans.some((other) => other.traceId === span.traceId && other.parentSpanId === undefined);
    return isRooted ? { spans, must: [arrival] } : { spans, must: [], may: [arrival] };
  });
};

/** Within a process it is the program's to say what is under what. */
const inner: Draw = (family, random) => {
  const movable = family.spans.filter((span) => span.kind === 'INTERNAL' && !isReceived(span));
  if (movable.length === 0) return undefined;
  const child = random.pick(movable);
  const below = family.below(child);
  const targets = family.spans.filter(
    (span) =>
      span.traceId === child.traceId &&
      span.service === child.service &&
      !below.has(span) &&
      span.startTimeUnixNano <= child.startTimeUnixNano &&
      span.endTimeUnixNano >= child.startTimeUnixNano,
  );
  if (targets.length === 0) return undefined;
  const to = random.pick(targets);
  return changing(`moves ${named(child)} under ${named(to)}`, child, (span, again) =>
    again.find(idOf(to)) === undefined || family.parentOf(span) === undefined
      ? undefined
      : { spans: replaced(again, span, { parentSpanId: to.spanId }), must: [] },
  );
};

const loop: Draw = (family, random) => {
  const tops = family.spans.filter((span) => span.kind === 'INTERNAL' && family.childrenOf(span).length > 0);
  if (tops.length === 0) return undefined;
  const top = random.pick(tops);
  const under = random.pick([...family.below(top)]);
  return changing(`makes a loop of ${named(top)}`, top, (span, again) => {
    if (again.find(idOf(under)) === undefined || !again.below(span).has(again.find(idOf(under)) as CollectedSpan))
      return undefined;
    return { spans: replaced(again, span, { parentSpanId: under.spanId }), must: [{ codes: ['parent-loop'] }] };
  });
};

const APART = 200_000_000n;

/** An arrival below an earlier call of the same kind, which was over, while the call that it belongs to waits. */
const stale: Draw = (family, random) => {
  const hops = hopsOf(family).filter(
    (hop) => hop.receiver.kind === 'SERVER' && hop.sender.kind === 'CLIENT' && meet(hop),
  );
  // Where a clock was put right in between, nothing tells what was over.
  if (!hops.every(isInTime)) return undefined;
  const pairs = hops.flatMap((hop) =>
    hops
      .filter(
        (earlier) =>
          earlier.sender.service === hop.sender.service &&
          earlier.receiver.service === hop.receiver.service &&
          earlier.receiver.name === hop.receiver.name &&
          earlier.sender.endTimeUnixNano + APART < hop.receiver.startTimeUnixNano &&
          earlier.receiver.endTimeUnixNano < hop.receiver.startTimeUnixNano &&
          earlier !== hop,
      )
      .map((earlier) => ({ hop, earlier })),
  );
  if (pairs.length === 0) return undefined;
  const { hop, earlier } = random.pick(pairs);
  return changing(
    `hangs ${named(hop.receiver)} from an earlier ${named(earlier.sender)}`,
    hop.receiver,
    (span, again) => {
      const to = again.find(idOf(earlier.sender));
      const sender = again.find(idOf(hop.sender));
      if (to === undefined || sender === undefined) return undefined;
      return {
        spans: moved(again, span, { traceId: to.traceId, parentSpanId: to.spanId }),
        must: [{ codes: ['wrong-parent'], from: sender.service, to: span.service }],
      };
    },
  );
};

function changing(
  name: string,
  { traceId, spanId }: CollectedSpan,
  change: (span: CollectedSpan, family: Family) => ReturnType<Mutation['apply']>,
): Mutation {
  return {
    name,
    apply: (family) => {
      const span = family.find(idOf({ traceId, spanId }));
      return span === undefined ? undefined : change(span, family);
    },
  };
}

export const parents: readonly Draw[] = [lost, lost, lost, phantom, phantom, inner, loop, stale];
