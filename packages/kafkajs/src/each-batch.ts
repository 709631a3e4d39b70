import { context as contextApi, propagation, SpanKind } from '@opentelemetry/api';
import type { Context, Link, SpanContext } from '@opentelemetry/api';
import {
  carriedContext,
  markWrapped,
  messageHeaders,
  parseTraceparent,
  startInbound,
  warnIfRewrapped,
  wrapped,
} from '@throughline/core';
import type { Received } from '@throughline/core';
import { ATTR_MESSAGING_BATCH_MESSAGE_COUNT, KAFKA } from './conventions.ts';
import { processAttributes } from './incoming.ts';
import { CreationLinks } from './links.ts';
import { kafkaErrorType, messageAge } from './message.ts';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';
import { whenSettled } from './settled.ts';

/** The part of kafkajs's `EachBatchPayload` that is read here. */
export interface EachBatchPayloadLike {
  readonly batch: {
    readonly topic: string;
    readonly partition: number;
    readonly messages: readonly MessageLike[];
  };
}

/**
 * Returns what `fn` returns, run in the message's own context: spans opened in it belong to the message's trace, and its
 * baggage is active. A message without a context, or that the inbound policy or `maxParentAge` restarts, runs under the
 * batch's span. Safe in parallel.
 */
export type RunWith = <T>(message: MessageLike, fn: () => T) => T;

/** The payload of a traced `eachBatch` handler. */
export type TracedEachBatchPayload<P = EachBatchPayloadLike> = P & { readonly runWith: RunWith };

/**
 * Returns a handler that opens one CONSUMER span `process {topic}` for the batch, with a link to each distinct span that sent
 * a message of it, and runs `handler` in it with `runWith` added to the payload. Rejects with the very object that
 * `handler` throws. Throws a `ThroughlineError` for a wrong option.
 *
 * @example
 * ```ts
 * await consumer.run({
 *   eachBatch: tracedEachBatch(async ({ batch, runWith }) => {
 *     await Promise.all(batch.messages.map((message) => runWith(message, () => handle(message))));
 *   }),
 * });
 * ```
 */
export function tracedEachBatch<P extends EachBatchPayloadLike, R>(
  handler: (payload: TracedEachBatchPayload<P>) => R,
  options?: ConsumerOptions,
): (payload: P) => R {
  return eachBatchWith(handler, consumerSettings(options));
}

export function eachBatchWith<P extends EachBatchPayloadLike, R>(
  handler: (payload: TracedEachBatchPayload<P>) => R,
  settings: ConsumerSettings,
): (payload: P) => R {
  if (wrapped(handler)) {
    warnIfRewrapped(handler, settings.hop);
    return handler as (payload: P) => R;
  }
  return markWrapped((payload: P): R => {
    const received = startBatch(payload, settings);
    const topic = received === undefined ? '' : payload.batch.topic;
    const runWith: RunWith = (message, fn) => runMessage(message, fn, topic, received?.context, settings);
    const traced = { ...payload, runWith };
    if (received === undefined) return handler(traced);
    const failed = (error: unknown): void => received.end({ error, errorType: kafkaErrorType(error) });
    let result: R;
    try {
      result = contextApi.with(received.context, handler, undefined, traced);
    } catch (error) {
      failed(error);
      throw error;
    }
    return whenSettled(result, () => received.end(), failed);
  }, settings.hop);
}

// A payload that is none of kafkajs's is the handler's affair: an error of ours would stop the consumer.
function startBatch(payload: EachBatchPayloadLike, settings: ConsumerSettings): Received | undefined {
  try {
    const { topic, partition, messages } = payload.batch;
    const attributes = processAttributes(topic, partition, messageAge(messages[0]?.timestamp, Date.now()), settings);
    attributes[ATTR_MESSAGING_BATCH_MESSAGE_COUNT] = messages.length;
    return startInbound(
      {
        transport: KAFKA,
        name: `process ${topic}`,
        kind: SpanKind.CONSUMER,
        attributes,
        carrier: undefined,
        reader: messageHeaders,
        peer: { name: topic },
        links: creationLinks(messages, settings),
      },
      settings.hop,
    );
  } catch {
    return undefined;
  }
}

/** Links to the distinct creation contexts of a batch. */
function creationLinks(messages: readonly MessageLike[], settings: ConsumerSettings): readonly Link[] {
  const links = new CreationLinks();
  // What was sent in one call holds the same bytes: compared, not parsed again.
  let previous: Buffer | undefined;
  const seen = new Set<string>();
  for (const { headers } of messages) {
    if (typeof headers !== 'object' || headers === null) continue;
    const only = onlyTraceparent(headers);
    let context: SpanContext | undefined;
    if (only === undefined || only.length > settings.hop.limits.fieldBytes) {
      context = carriedContext(headers, messageHeaders, settings.hop.limits);
    } else {
      if (previous !== undefined && Buffer.compare(only, previous) === 0) continue;
      previous = only;
      const bytes = only.toString('latin1');
      if (seen.has(bytes)) continue;
      seen.add(bytes);
      context = parseTraceparent(bytes);
    }
    if (context === undefined) continue;
    links.add(context);
    if (links.full) break;
  }
  return links.list;
}

/** The bytes of `traceparent`, where no header repeats it in another letter case. */
function onlyTraceparent(headers: object): Buffer | undefined {
  let only: unknown;
  for (const key of Object.keys(headers)) {
    if (key.length !== 11) continue;
    if (key === 'traceparent') only = (headers as { traceparent?: unknown }).traceparent;
    else if (key.toLowerCase() === 'traceparent') return undefined;
  }
  return Buffer.isBuffer(only) ? only : undefined;
}

function runMessage<T>(
  message: MessageLike,
  fn: () => T,
  topic: string,
  batch: Context | undefined,
  settings: ConsumerSettings,
): T {
  let context: Context;
  try {
    context = batch === undefined ? contextApi.active() : messageContext(message, topic, batch, settings);
  } catch {
    context = batch ?? contextApi.active();
  }
  return contextApi.with(context, fn);
}

function messageContext(message: MessageLike, topic: string, batch: Context, settings: ConsumerSettings): Context {
  const age = settings.maxParentAge === Infinity ? undefined : messageAge(message.timestamp, Date.now());
  const received = startInbound(
    {
      transport: KAFKA,
      name: `process ${topic}`,
      kind: SpanKind.CONSUMER,
      carrier: message.headers,
      reader: messageHeaders,
      peer: { name: topic },
      stale: age !== undefined && age > settings.maxParentAge,
      // The batch has the span. A second one would double what is exported.
      span: false,
    },
    settings.hop,
  );
  received.end();
  if (received.outcome === 'continued' || received.outcome === 'suppressed') return received.context;
  const baggage = propagation.getBaggage(received.context);
  return baggage === undefined ? batch : propagation.setBaggage(batch, baggage);
}
