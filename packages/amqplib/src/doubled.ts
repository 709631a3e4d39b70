import { SpanKind, trace } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { describeSpan, warnOncePer } from '@throughline/core/adapter';
import { ATTR_MESSAGING_SYSTEM } from './conventions.ts';
import { rabbitmq } from './message.ts';
import { scope } from './options.ts';

/** The part of an SDK's span that is read here. */
interface SdkSpan {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly instrumentationScope?: { readonly name?: string };
}

/**
 * Says once which other instrumentation opened a span around a handler, so that each message has two. Instrumentations of amqplib name
 * a queue otherwise than we do, so that core's own look at the destination does not find them.
 */
export function warnIfDoubled(): void {
  const active = trace.getActiveSpan();
  if (active === undefined) return;
  describeSpan(active, (span) => {
    const { kind, attributes, instrumentationScope } = span as SdkSpan;
    if (kind !== SpanKind.CONSUMER) return;
    const theirs = instrumentationScope?.name;
    if (theirs === undefined || theirs === scope.name) return;
    if (attributes?.[ATTR_MESSAGING_SYSTEM] !== rabbitmq.name && !theirs.includes('amqplib')) return;
    warnOncePer(
      'doubled',
      theirs,
      `${theirs} opens a span around a handler of messages that ${scope.name} traces too, so what is handled has two: turn it off.`,
    );
  });
}
