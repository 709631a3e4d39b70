import { context as contextApi, propagation, SpanKind } from '@opentelemetry/api';
import type { Context, Link } from '@opentelemetry/api';
import { messageHeaders } from '../carrier/read.ts';
import type { InboundHop, Received } from '../hop/hop.ts';
import { startInbound } from '../hop/inbound.ts';
import { Links } from '../hop/links.ts';
import { offeredBy } from '../hop/offered.ts';
import type { Offered } from '../hop/offered.ts';
import { peerOf } from '../hop/peer.ts';
import { runInbound } from '../hop/runner.ts';
import { parseLineage } from '../lineage/codec.ts';
import type { LineageFields } from '../lineage/codec.ts';
import type { Refused } from '../lineage/refusal.ts';
import type { InboundPolicy } from '../parties.ts';
import { inboundPolicy } from '../policy/policy.ts';
import { whenSettled } from '../settled.ts';
import { describeMessages } from './attributes.ts';
import { warnIfDoubled } from './doubled.ts';
import { messageIn } from './handler.ts';
import { messageAge } from './message.ts';
import { processing, runRefused } from './receiving.ts';
import type { ReceivedMessage, Receiver } from './receiving.ts';

/** Messages of one topic and partition that a handler is given together. */
export interface ReceivedBatch {
  readonly topic: string;
  readonly partition?: number | undefined;
  readonly messages: readonly { readonly headers?: unknown; readonly timestamp?: unknown }[];
}

/**
 * Returns what `handler` returns for a batch, run in one CONSUMER `process` span: a root that links the distinct senders of its
 * messages and is as deep in its chain as the deepest of them. No limit refuses it: {@link runMessage} refuses messages. What is
 * no batch goes to `handler` without a hop.
 */
export function runBatch<R>(
  read: () => ReceivedBatch,
  receiver: Receiver,
  handler: (batch: Received | undefined) => R,
): R {
  const started = batchHop(read, receiver);
  if (started === undefined) return handler(undefined);
  const { hop, batch, age } = started;
  const { topic, partition, messages } = batch;
  return runInbound<R>(hop, receiver.hop, {
    ...processing(topic, partition, messages.length, receiver),
    describe: (span) => describeMessages(span, messages.length, receiver, age),
    work: handler,
  });
}

interface BatchHop {
  readonly hop: InboundHop;
  readonly batch: ReceivedBatch;
  readonly age: number | undefined;
}

function batchHop(read: () => ReceivedBatch, receiver: Receiver): BatchHop | undefined {
  try {
    const batch = read();
    const { topic, partition, messages } = batch;
    warnIfDoubled(topic, receiver);
    const { name, attributes, peer } = receiver.start(topic, partition, receiver);
    const hop: InboundHop = {
      transport: receiver.system.transport,
      name,
      kind: SpanKind.CONSUMER,
      attributes,
      carrier: undefined,
      reader: messageHeaders,
      peer,
      ...admitted(messages, peer, receiver),
    };
    return { hop, batch, age: messageAge(messages[0]?.timestamp, Date.now()) };
  } catch {
    // What is no batch of the client's is the handler's affair.
    return undefined;
  }
}

/** What the boundary policy lets in of the messages of a batch. */
interface Admitted {
  /** What holds for the batch: the most that any of its messages is let do. */
  readonly policy: InboundPolicy;
  /** The least that any of them is let do. */
  readonly strictest: InboundPolicy;
  readonly links: readonly Link[];
  /** The chains that the messages are in. */
  readonly parts: readonly LineageFields[];
}

const LARGEST_FIRST: readonly InboundPolicy[] = ['continue', 'restart-with-link', 'restart'];

/** Asks the boundary policy for each message of a batch, before its link or its lineage counts. */
function admitted(messages: ReceivedBatch['messages'], peer: { readonly name: string }, receiver: Receiver): Admitted {
  const { hop: settings, system } = receiver;
  const { inbound = 'continue' } = settings.options;
  const rules = settings.lineage;
  const offered = (headers: unknown): Offered => offeredBy(headers, messageHeaders, settings);
  const byBytes = settings.propagator().kind === 'w3c' ? readByBytes : always;
  const spanContextOf = byBytes('traceparent', (headers) => offered(headers).spanContext);
  const chainOf = byBytes('baggage', (headers) => offered(headers).lineage);
  const links = new Links();
  const chains = new Set<string>();
  const policies = new Set<InboundPolicy>();
  let strictest: InboundPolicy = 'continue';
  for (const { headers } of messages) {
    const policy = typeof inbound === 'function' ? policyOf(headers) : inbound;
    if (LARGEST_FIRST.indexOf(policy) > LARGEST_FIRST.indexOf(strictest)) strictest = policy;
    const mayLink = typeof inbound === 'function' || (policy !== 'restart' && !links.full);
    const mayDeepen = rules !== undefined && (policy === 'continue' || rules.keepOnRestart);
    const spanContext = mayLink ? spanContextOf(headers) : undefined;
    const chain = mayDeepen ? chainOf(headers) : undefined;
    if (spanContext !== undefined && policy !== 'restart') links.add(spanContext);
    if (chain !== undefined) chains.add(chain);
    if (spanContext !== undefined || chain !== undefined) policies.add(policy);
  }
  return {
    policy: LARGEST_FIRST.find((policy) => policies.has(policy)) ?? 'continue',
    strictest,
    links: links.list,
    parts: Array.from(chains).flatMap((chain) => parseLineage(chain) ?? []),
  };

  function policyOf(headers: unknown): InboundPolicy {
    const { transport } = system;
    const hop = { transport, name: '', kind: SpanKind.CONSUMER, carrier: headers, reader: messageHeaders, peer };
    return inboundPolicy(peerOf(hop, settings), settings);
  }
}

type Read<T> = (headers: unknown) => T | undefined;

/**
 * Returns `read`, which is asked only for headers that hold a field, and in other bytes than those before: what was sent in one
 * call holds the same. Saves half of what a batch costs here.
 */
function readByBytes<T>(field: string, read: Read<T>): Read<T> {
  let last: Buffer | undefined;
  let value: T | undefined;
  return (headers) => {
    const held = messageHeaders.read(headers, field);
    if (held === undefined || held === null) return undefined;
    if (Buffer.isBuffer(held)) {
      if (last?.equals(held) === true) return value;
      last = held;
    } else last = undefined;
    return (value = read(headers));
  };
}

// A foreign propagator may read other headers too.
function always<T>(_field: string, read: Read<T>): Read<T> {
  return read;
}

/**
 * Returns what `fn` returns, run in the context of one message of a batch: its own trace and baggage. A message without a trace, or
 * whose trace restarts here, runs under the span of the batch. One whose chain is past a limit goes to `onRefused`.
 */
export function runMessage<P, T>(payload: P, fn: () => T, batch: Received, receiver: Receiver<P>): T {
  const message = messageIn(payload, receiver);
  if (message === undefined) return contextApi.with(batch.context, fn);
  const received = startOne(message, receiver);
  if (received.refused === undefined) {
    received.end();
    return contextApi.with(contextOf(received, batch.context), fn);
  }
  return whenSettled(
    () => runRefused(received, receiver.onRefused, payload),
    () => received.end(),
  ) as T;
}

function startOne({ topic, partition, headers, timestamp }: ReceivedMessage, receiver: Receiver): Received | Refused {
  const { name, peer } = receiver.start(topic, partition, receiver);
  const age = receiver.maxParentAge === Infinity ? undefined : messageAge(timestamp, Date.now());
  return startInbound(
    {
      transport: receiver.system.transport,
      name,
      kind: SpanKind.CONSUMER,
      carrier: headers,
      reader: messageHeaders,
      peer,
      stale: age !== undefined && age > receiver.maxParentAge,
      // The batch has the span. A second one would double what is exported.
      span: false,
    },
    receiver.hop,
  );
}

// A message that has no trace here runs under the batch's span, with its own baggage.
function contextOf({ outcome, context }: Received | Refused, batch: Context): Context {
  if (outcome === 'continued' || outcome === 'suppressed') return context;
  const baggage = propagation.getBaggage(context);
  return baggage === undefined ? batch : propagation.setBaggage(batch, baggage);
}
