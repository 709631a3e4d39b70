import { SpanKind } from '@opentelemetry/api';
import { messageHeaders, receive } from '@throughline/core/adapter';

/** Runs `fn` in a hop that is so deep in its chain. */
export function continueFromLineage<T>(hops: number, fn: () => T): T {
  const carrier = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    baggage: `throughline.lineage=1.${hops}.32.1.-.-.-`,
  };
  return receive({ transport: 'test', name: 'deep', kind: SpanKind.SERVER, carrier, reader: messageHeaders }, fn);
}
