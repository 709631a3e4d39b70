import { context as contextApi, propagation, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Context, Link, SpanContext } from '@opentelemetry/api';
import {
  carriedContext,
  markWrapped,
  messageHeaders,
  parseBaggage,
  parseTraceparent,
  startInbound,
  warnIfRewrapped,
  wrapped,
} from '@throughline/core/adapter';
import type { Refused } from '@throughline/core';
import type { Received } from '@throughline/core/adapter';
import { Links, describeMessages, KAFKA, messageAge, runHandler, runRefused } from '@throughline/core/messaging';
import type { MessageLike } from './message.ts';
import { consumerSettings } from './options.ts';
import type { ConsumerOptions, ConsumerSettings } from './options.ts';

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
    const runWith: RunWith = (message, fn) =>
      received === undefined ? fn() : runMessage(message, fn, payload.batch, received.context, settings);
    const traced = { ...payload, runWith };
    if (received === undefined) return handler(traced);
    const { topic, partition, messages } = payload.batch;
    return runHandler(received, { topic, partition, count: messages.length }, settings, handler, traced);
  }, settings.hop);
}

// A payload that is none of kafkajs's is the handler's affair: an error of ours would stop the consumer.
function startBatch(payload: EachBatchPayloadLike, settings: ConsumerSettings): Received | undefined {
  try {
    const { topic, partition, messages } = payload.batch;
    const age = messageAge(messages[0]?.timestamp, Date.now());
    const { name, attributes, peer } = settings.start(topic, partition, settings);
    const received = startInbound(
      {
        transport: KAFKA,
        name,
        kind: SpanKind.CONSUMER,
        attributes,
        carrier: undefined,
        reader: messageHeaders,
        peer,
        links: creationLinks(messages, settings),
        parts: chains(messages, settings),
      },
      settings.hop,
    );
    describeMessages(received.span, messages.length, settings, age);
    // A batch has no limits of its own: `runWith` refuses what is past them.
    return received.refused === undefined ? received : undefined;
  } catch {
    return undefined;
  }
}

/** Links to the distinct creation contexts of a batch. */
function creationLinks(messages: readonly MessageLike[], settings: ConsumerSettings): readonly Link[] {
  const links = new Links();
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

/** The chains that the messages of a batch are in: one context for each text of baggage that says so. */
function* chains(messages: readonly MessageLike[], settings: ConsumerSettings): Generator<Context> {
  const { limits } = settings.hop;
  let previous: unknown;
  const seen = new Set<string>();
  for (const { headers } of messages) {
    if (typeof headers !== 'object' || headers === null) continue;
    const held = messageHeaders.read(headers, 'baggage');
    if (held === undefined || held === null) continue;
    if (Buffer.isBuffer(held)) {
      // Messages of one sender mostly hold the same bytes.
      if (Buffer.isBuffer(previous) && Buffer.compare(held, previous) === 0) continue;
      previous = held;
    }
    const text = Buffer.isBuffer(held) ? held.toString('latin1') : [held].flat().map(String).join();
    if (seen.has(text) || !text.includes(LINEAGE)) continue;
    seen.add(text);
    const baggage = parseBaggage(text, limits);
    if (baggage !== undefined) yield propagation.setBaggage(ROOT_CONTEXT, baggage);
    if (seen.size === MAX_CHAINS) return;
  }
}

const LINEAGE = 'throughline.lineage';
const MAX_CHAINS = 128;

function runMessage<T>(
  message: MessageLike,
  fn: () => T,
  { topic, partition }: EachBatchPayloadLike['batch'],
  batch: Context,
  settings: ConsumerSettings,
): T {
  let context: Context;
  let received: Received | Refused | undefined;
  try {
    received = startOne(message, topic, settings);
    context = contextOf(received, batch);
  } catch {
    context = batch;
  }
  if (received?.refused !== undefined)
    return runRefused(received, settings.onRefused, { topic, partition, message }) as T;
  received?.end();
  return contextApi.with(context, fn);
}

function startOne(message: MessageLike, topic: string, settings: ConsumerSettings): Received | Refused {
  const age = settings.maxParentAge === Infinity ? undefined : messageAge(message.timestamp, Date.now());
  return startInbound(
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
}

// A message that has no trace here runs under the batch's span, with its own baggage.
function contextOf({ outcome, context }: Received | Refused, batch: Context): Context {
  if (outcome === 'continued' || outcome === 'suppressed') return context;
  const baggage = propagation.getBaggage(context);
  return baggage === undefined ? batch : propagation.setBaggage(batch, baggage);
}
