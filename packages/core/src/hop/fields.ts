import { propagation } from '@opentelemetry/api';
import type { Baggage, Context, SpanContext } from '@opentelemetry/api';
import { foreignInject } from '../carrier/propagation.ts';
import { LINEAGE_KEY } from '../lineage/codec.ts';
import { writeBaggage } from '../lineage/member.ts';
import type { HopSettings } from '../policy/settings.ts';
import { traceContextFields } from '../w3c/trace-context.ts';

/** What an outbound hop sends, beside its span context. */
export interface Sent {
  /** The user's members that may go to the target. */
  readonly baggage: Baggage | undefined;
  readonly lineage: string | undefined;
  readonly wire: Context;
}

/** Returns the fields of a hop, names and values: exactly what goes on the wire, by the propagator that holds. */
export function fieldsOf(spanContext: SpanContext, sent: Sent, settings: HopSettings): Record<string, string> {
  const { baggage, lineage } = sent;
  const choice = settings.propagator();
  let fields: Record<string, string>;
  let user: Baggage | undefined;
  if (choice.kind === 'foreign') {
    const context = lineage === undefined ? sent.wire : withMember(sent.wire, baggage, lineage);
    fields = foreignInject(choice.propagator, context, settings.limits);
    if (fields['baggage'] !== undefined) return fields;
  } else {
    fields = choice.trace ? traceContextFields(spanContext, settings.limits) : {};
    if (!choice.state) delete fields['tracestate'];
    if (choice.baggage) user = baggage;
  }
  // Lineage travels in `baggage` also where the propagator carries none.
  const text = writeBaggage(user, lineage, settings.limits);
  if (text !== undefined) fields['baggage'] = text;
  return fields;
}

// Lineage goes first: what is past the limits is dropped from the end.
function withMember(context: Context, baggage: Baggage | undefined, lineage: string): Context {
  let members = propagation.createBaggage({ [LINEAGE_KEY]: { value: lineage } });
  for (const [key, entry] of baggage?.getAllEntries() ?? []) members = members.setEntry(key, entry);
  return propagation.setBaggage(context, members);
}
