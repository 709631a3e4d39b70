import { checkChains } from '@throughline/verify';
import type { ChainFinding, CollectedSpan } from '@throughline/verify';
import { describe, expect, it } from 'vitest';
import { captures } from '../src/captures.ts';
import { isDirect } from '../src/mutations/ports.ts';

const idOf = ({ traceId, spanId }: Pick<CollectedSpan, 'traceId' | 'spanId'>): string => `${traceId}/${spanId}`;
const errorsOf = (spans: readonly CollectedSpan[]): readonly ChainFinding[] =>
  checkChains(spans).findings.filter(({ severity }) => severity === 'error');
const sound = captures
  .filter(({ expected }) => expected.verdict === 'sound')
  .map(({ name, spans }) => ({ name, spans: [...new Map(spans.map((span) => [idOf(span), span])).values()] }));

function below(spans: readonly CollectedSpan[], top: CollectedSpan): Set<CollectedSpan> {
  const found = new Set([top]);
  // The set grows while it is walked.
  for (const span of found) {
    for (const child of spans)
      if (child.traceId === span.traceId && child.parentSpanId === span.spanId) found.add(child);
  }
  return found;
}

describe.each(sound)('$name, changed', ({ spans }) => {
  const known = new Map(spans.map((span) => [idOf(span), span]));
  const parentOf = (span: CollectedSpan) =>
    span.parentSpanId === undefined ? undefined : known.get(idOf({ traceId: span.traceId, spanId: span.parentSpanId }));
  const hops = spans.flatMap((receiver) => {
    const sender = parentOf(receiver);
    const isReceived = receiver.kind === 'SERVER' || receiver.kind === 'CONSUMER';
    const isSent = sender?.kind === 'CLIENT' || sender?.kind === 'PRODUCER';
    return sender !== undefined && isReceived && isSent && sender.service !== receiver.service
      ? [{ sender, receiver }]
      : [];
  });

  it('a receiver that starts a root is lost context, at that boundary and at no other', () => {
    for (const { sender, receiver } of hops) {
      // Of what came twice, the other delivery is joined: nothing says that this one is of the same message or call.
      const isOther = (hop: (typeof hops)[number]) =>
        hop.sender === sender && hop.receiver.service === receiver.service;
      if (hops.filter(isOther).length > 1) continue;
      // Who had given up did not wait for it.
      if (sender.attributes['error.type'] === 'cancelled' && sender.endTimeUnixNano < receiver.startTimeUnixNano)
        continue;
      // A proxy between them is of the outside, and has an address of its own.
      if (!isDirect(sender, receiver)) continue;
      const moved = below(spans, receiver);
      const errors = errorsOf(
        spans.map((span): CollectedSpan => {
          if (!moved.has(span)) return span;
          const { parentSpanId, parentIsRemote, ...rest } = span;
          const isTop = span === receiver;
          return {
            ...rest,
            traceId: 'f'.repeat(32),
            links: isTop ? [] : span.links,
            ...(isTop || parentSpanId === undefined ? undefined : { parentSpanId }),
            ...(isTop || parentIsRemote === undefined ? undefined : { parentIsRemote }),
          };
        }),
      );
      expect(errors.map(({ code, boundary }) => [code, boundary?.from, boundary?.to])).toEqual([
        ['lost-context', sender.service, receiver.service],
      ]);
    }
  });

  it('a sender that was not exported is found by its receiver, where its trace began in here', () => {
    for (const { sender, receiver } of hops) {
      const rest = spans.filter((span) => span !== sender);
      if (!rest.some(({ traceId, parentSpanId }) => traceId === receiver.traceId && parentSpanId === undefined))
        continue;
      expect(errorsOf(rest).some(({ boundary }) => boundary?.to === receiver.service)).toBe(true);
    }
  });

  it('an inner span that was not exported leaves orphans', () => {
    for (const span of spans) {
      if (span.kind !== 'INTERNAL') continue;
      const children = spans.filter((child) => parentOf(child) === span && child.service === span.service);
      if (children.length === 0) continue;
      const found = errorsOf(spans.filter((other) => other !== span));
      expect(found.some(({ code, boundary }) => code === 'orphan' && boundary?.to === span.service)).toBe(true);
    }
  });

  it('a span that nothing hangs from is not missed', () => {
    const linked = new Set(spans.flatMap(({ links }) => links.map(idOf)));
    for (const span of spans) {
      if (linked.has(idOf(span)) || spans.some((child) => parentOf(child) === span)) continue;
      // A hop of ours counts what it called.
      const errors = errorsOf(spans.filter((other) => other !== span)).filter(({ code }) => code !== 'missing-calls');
      expect(errors).toEqual([]);
    }
  });

  it.each([-90_000_000_000n, 90_000_000_000n])('a clock that is wrong by %s ns breaks nothing', (by) => {
    for (const service of new Set(spans.map((span) => span.service))) {
      const errors = errorsOf(
        spans.map((span) =>
          span.service === service
            ? { ...span, startTimeUnixNano: span.startTimeUnixNano + by, endTimeUnixNano: span.endTimeUnixNano + by }
            : span,
        ),
      );
      expect(errors).toEqual([]);
    }
  });
});
