import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { isWithin, nodeHeaders, startInbound } from '@throughline/core/adapter';
import { expect, it } from 'vitest';

const arrive = () =>
  startInbound({ transport: 'http', name: 'GET', kind: SpanKind.SERVER, carrier: {}, reader: nodeHeaders });

it('a context is within the hop that it was made from, and in no other', () => {
  const [hop, other] = [arrive(), arrive()];
  if (hop.refused !== undefined || other.refused !== undefined) throw new Error('no limit is set');
  const below = trace.setSpan(hop.context, trace.wrapSpanContext(other.span.spanContext()));
  expect(isWithin(hop.context, hop.context)).toBe(true);
  expect(isWithin(below, hop.context)).toBe(true);
  expect(isWithin(other.context, hop.context)).toBe(false);
  expect(isWithin(ROOT_CONTEXT, hop.context)).toBe(false);
  hop.end();
  other.end();
});
