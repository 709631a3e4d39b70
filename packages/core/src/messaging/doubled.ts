import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { warnOncePer } from '../diagnostics.ts';
import type { HopScope } from '../telemetry/instruments.ts';
import { describeSpan } from '../telemetry/span.ts';
import { ATTR_MESSAGING_DESTINATION_NAME, ATTR_MESSAGING_SYSTEM } from './conventions.ts';
import type { MessagingSystem } from './system.ts';

/** The part of an SDK's span that is read here. */
interface SdkSpan {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly instrumentationScope?: { readonly name?: string };
}

interface Tracing {
  readonly system: MessagingSystem;
  readonly scope: HopScope;
}

/**
 * Says once which other instrumentation opened a span around a handler of messages, so that each has two: this adapter cannot keep
 * it from that where it wraps a handler, or a client that somebody wrapped before. Without a topic, because others name it otherwise, it is
 * any span of the system.
 */
export function warnIfDoubled(topic: string | undefined, { system, scope }: Tracing): void {
  const active = trace.getActiveSpan();
  if (active !== undefined) describeSpan(active, (span) => warnIfAnother(span as SdkSpan, topic, system, scope));
}

function warnIfAnother(span: SdkSpan, topic: string | undefined, system: MessagingSystem, scope: HopScope): void {
  const { kind, attributes, instrumentationScope } = span;
  // A batch is received in a CLIENT span.
  if (kind !== SpanKind.CONSUMER && kind !== SpanKind.CLIENT) return;
  if (attributes?.[ATTR_MESSAGING_SYSTEM] !== system.name) return;
  if (topic !== undefined && attributes[ATTR_MESSAGING_DESTINATION_NAME] !== topic) return;
  const theirs = instrumentationScope?.name;
  if (theirs === undefined || theirs === scope.name) return;
  warnOncePer(
    'doubled',
    theirs,
    `${theirs} opens a span around a handler of messages that ${scope.name} traces too, so what is handled has two: turn it off.`,
  );
}
