import type { CollectedSpan } from '@throughline/verify';
import { familyOf, idOf, isReceived, parentIdOf } from './family.ts';
import type { Family } from './family.ts';
import type { Need } from './mutation.ts';

/** Returns what has to be said of spans that say how many calls they made, where fewer are there. */
export function unmet(spans: readonly CollectedSpan[]): Need[] {
  const family = familyOf(spans);
  return family.spans.flatMap((span): Need[] => {
    const made = span.attributes['throughline.calls'];
    if (typeof made !== 'number' || callsUnder(family, span) >= made) return [];
    // A call below a gap in its own process was exported, and the gap is told: once.
    const hasGap = family.spans.some(
      (other) =>
        other.traceId === span.traceId &&
        other.service === span.service &&
        !isReceived(other) &&
        other.parentSpanId !== undefined &&
        family.find(parentIdOf(other) ?? '') === undefined,
    );
    return [{ codes: hasGap ? ['missing-calls', 'orphan'] : ['missing-calls'], from: span.service }];
  });
}

/** The calls that a process made under a span, down to where it was called itself. */
function callsUnder(family: Family, top: CollectedSpan): number {
  const seen = new Set([idOf(top)]);
  const open = [...family.childrenOf(top)];
  let calls = 0;
  for (let span = open.pop(); span !== undefined; span = open.pop()) {
    const { attributes, service, kind, parentIsRemote } = span;
    const isCalled = parentIsRemote === true || attributes['throughline.calls'] !== undefined;
    if (seen.has(idOf(span)) || service !== top.service || isCalled) continue;
    seen.add(idOf(span));
    const isOther = ['db.system.name', 'db.system', 'gen_ai.operation.name'].some(
      (key) => attributes[key] !== undefined,
    );
    if ((kind === 'CLIENT' || kind === 'PRODUCER') && (!isOther || attributes['mcp.method.name'] !== undefined))
      calls++;
    open.push(...family.childrenOf(span));
  }
  return calls;
}
