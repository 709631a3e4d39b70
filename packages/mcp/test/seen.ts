import { propagation, trace } from '@opentelemetry/api';
import { currentLineage } from '@throughline/core';
import type { Tool } from './sdk.ts';

/** The context that a tool runs in, as it tells it. */
export interface Seen {
  readonly traceId: string;
  readonly tracestate: string | undefined;
  /** The user's own members: lineage travels with trace context. */
  readonly baggage: Record<string, string>;
  readonly hops: number | undefined;
}

/** A tool that answers with a {@link Seen}. */
export const look: Tool = () => {
  const spanContext = trace.getActiveSpan()?.spanContext();
  const seen: Partial<Seen> = {
    traceId: spanContext?.traceId ?? '',
    tracestate: spanContext?.traceState?.serialize(),
    baggage: Object.fromEntries(
      (propagation.getActiveBaggage()?.getAllEntries() ?? [])
        .filter(([name]) => name !== 'throughline.lineage')
        .map(([name, { value }]) => [name, value]),
    ),
    hops: currentLineage()?.hops,
  };
  return JSON.stringify(seen);
};
