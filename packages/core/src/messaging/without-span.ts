import { SpanKind } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { messageHeaders } from '../carrier/read.ts';
import type { Sending } from '../hop/hop.ts';
import type { HopSettings } from '../policy/settings.ts';
import { inboundContext, outboundFields } from '../hop/without-span.ts';
import type { MessagingSystem } from './system.ts';
import { topicTarget } from './topic-start.ts';

/**
 * Returns what the active context writes into the headers of a message that the caller sends by itself. Opens no span. Throws the
 * `LineageError` where the chain is past a limit and `lineage` enforces it.
 */
export function messageFields(system: MessagingSystem, topic: string | undefined, settings: HopSettings): Sending {
  const { transport } = system;
  const target = topicTarget(topic, system);
  return outboundFields({ transport, name: 'inject', kind: SpanKind.PRODUCER, target }, settings);
}

/** Returns the context that the headers of a message offer. Opens no span, and never throws. */
export function messageContext({ transport }: MessagingSystem, headers: unknown, settings: HopSettings): Context {
  const hop = { transport, name: 'extract', kind: SpanKind.CONSUMER, carrier: headers, reader: messageHeaders };
  return inboundContext(hop, settings);
}
