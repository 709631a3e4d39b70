import type { ChainRule } from './context.ts';

/** Spans that cannot be found: their ids or times are none. */
export const badId: ChainRule = ({ graph: { unreadable } }) => {
  if (unreadable === 0) return [];
  const spans = unreadable === 1 ? '1 span was' : `${unreadable} spans were`;
  const message = `${spans} left out: the trace id is not 16 bytes, the span id or the parent's is not 8, or a time is none. What hangs from such a span has no parent`;
  return [{ code: 'bad-id', severity: 'warning', message, spans: [], count: unreadable }];
};
