import { Fact } from './columns/facts.ts';
import type { SpanColumns } from './columns/span-columns.ts';
import { KINDS } from './columns/span-draft.ts';

const NONE = -1;
/** Where many spans have one id, no more are looked at. */
const MAX_CANDIDATES = 16;

/** Returns the parent of each span as far as it is there; -1 is none. */
export function parentsOf(columns: SpanColumns): Int32Array {
  return Int32Array.from({ length: columns.size }, (_, at) => parentOf(columns, at));
}

function parentOf(columns: SpanColumns, at: number): number {
  const { ids, parentHigh, parentLow, facts, kind } = columns;
  const trace = ids.trace.get(at);
  const isA = (other: number, what: 'SERVER' | 'CLIENT'): boolean => KINDS[kind.get(other)] === what;
  // Zipkin gives both ends of a hop one id: the CLIENT is the parent of the SERVER.
  if (isA(at, 'SERVER')) {
    const shared = ids.sharing(ids.first(trace, ids.high.get(at), ids.low.get(at)));
    const client = shared?.find((other) => other !== at && isA(other, 'CLIENT'));
    if (client !== undefined) return client;
  }
  if ((facts.get(at) & Fact.hasParent) === 0) return NONE;
  const first = ids.first(trace, parentHigh.get(at), parentLow.get(at));
  const sharing = first === NONE ? undefined : ids.sharing(first);
  return sharing === undefined ? first : likeliest(columns, at, sharing.slice(0, MAX_CANDIDATES));
}

/** Of spans that have one id, the one that a span started in, of its own service before others. */
function likeliest({ start, duration, service }: SpanColumns, at: number, candidates: readonly number[]): number {
  const began = start.get(at);
  const covers = (other: number): boolean =>
    start.get(other) <= began && began <= start.get(other) + duration.get(other);
  const own = candidates.filter((other) => service.get(other) === service.get(at));
  return own.find(covers) ?? candidates.find(covers) ?? own[0] ?? candidates[0] ?? NONE;
}
